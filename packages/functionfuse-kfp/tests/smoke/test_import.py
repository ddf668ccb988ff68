import subprocess
import sys

SCRIPT = """
import sys
from functionfuse import workflow
from functionfuse.backends.addons.kfpback import KFPWorkflow

@workflow
def add(a, b):
    return a + b

w = KFPWorkflow(add(add(1, 2), 3), workflow_name="sum")
print(repr(w), "kfp" in sys.modules, "docker" in sys.modules)
w.query("add_0000").set_task_args({"cpu_limit": "500m"})
"""


def test_a_workflow_is_made_without_kfp_and_docker_and_knows_kfps_options(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert process.stdout == "<KFPWorkflow 'sum' of 2 nodes> False False\n", process.stderr
    assert process.returncode == 0, process.stderr
