import os
import subprocess
import sys

SCRIPT = """
from functionfuse import workflow
from functionfuse.backends.builtin.rayback import RayWorkflow
from functionfuse.storage import storage_factory

@workflow
def add(a, b):
    return a + b

ray_init_args = {"address": "local", "num_cpus": 1, "resources": {"_disk": 1}}
w = RayWorkflow(add(add(1, 2), 3), workflow_name="sum", ray_init_args=ray_init_args)
options = {"remoteArgs": {"resources": {"_disk": 0.001}}, "path": PATH}
w.set_storage(storage_factory({"kind": "ray", "options": options}))
print(w.run(return_results=True), w.run(return_results=True), w.last_run)
"""


def test_a_graph_runs_on_ray_and_its_results_are_loaded(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("PATH", repr(str(tmp_path / "results"))))
    env = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    process = subprocess.run(
        [sys.executable, str(script)], env=env, capture_output=True, text=True, check=False
    )
    assert "6 6 <run of 2 nodes: 0 executed, 1 loaded, 1 skipped>" in process.stdout, process.stderr
