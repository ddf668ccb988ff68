import os
import subprocess
import sys

SCRIPT = """
from functionfuse import workflow
from functionfuse.backends.addons.prefectback import PrefectWorkflow
from functionfuse.storage import storage_factory

@workflow
def add(a, b):
    return a + b

w = PrefectWorkflow(add(add(1, 2), 3), workflow_name="sum")
w.set_storage(storage_factory({"kind": "file", "options": {"path": PATH}}))
print(w.run(), w.flow(), w.last_run)
"""


def test_a_graph_runs_as_a_flow_and_its_results_are_loaded(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("PATH", repr(str(tmp_path / "results"))))
    env = {
        **os.environ,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "DO_NOT_TRACK": "1",
    }
    process = subprocess.run(
        [sys.executable, str(script)], env=env, capture_output=True, text=True, check=False
    )
    assert "6 6 <run of 2 nodes: 0 executed, 1 loaded, 1 skipped>" in process.stdout, process.stderr
