"""A real server: what its API tells, and what runs by its order."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

import prefect_apart
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import require
from processes import started

require("prefect")

SCRIPT = """
import os, sys, time
from pathlib import Path

from functionfuse import workflow
from functionfuse.backends.addons.prefectback import PrefectWorkflow
from functionfuse.storage import storage_factory

HERE = Path(__file__).parent

class Model:
    def __init__(self, weight):
        self.weight = weight

@workflow
def load(size):
    return {"X": list(range(size)), "y": [size]}

@workflow
def train(X, y, power=2):
    return Model(sum(x**power for x in X) + y[0])

@workflow
def compare(models):
    if (HERE / "slow").exists():
        (HERE / "slow").rename(HERE / "hanging")
        time.sleep(600)
    return sum(model.weight for model in models)

data = load(4).set_name("data")
models = [train(data["X"], data["y"], power=p).set_name(f"model {p}") for p in (1, 2)]
w = PrefectWorkflow(compare(models).set_name("table"), workflow_name="classifier")
w.set_storage(storage_factory({"kind": "file", "options": {"path": str(HERE / "storage")}}))

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            w.serve("local")
        case ["deploy"]:
            w.deploy("pooled", "pool")
        case _:
            print(w.run(), w.last_run.counts())
"""
RESULT = (0 + 1 + 2 + 3 + 4) + (0 + 1 + 4 + 9 + 4)
NAMES = ("data", "model 1", "model 2", "table")
EDGES = {
    ("data", "model 1"),
    ("data", "model 2"),
    ("model 1", "table"),
    ("model 2", "table"),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    return tmp_path


def script(folder, *args):
    command = [sys.executable, str(folder / "script.py"), *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def trigger(server, deployment, **parameters):
    """Have the server run a deployment; return the flow run when it is finished."""

    def found():
        try:
            return server.ask(f"deployments/name/classifier/{deployment}")
        except OSError:
            return None

    key = prefect_apart.wait_until(found, f"deployment {deployment}")["id"]
    run = server.ask(f"deployments/{key}/create_flow_run", {"parameters": parameters})
    return server.finished(run["id"])


def test_states_and_edges_are_those_of_the_graph_and_the_second_run_is_cached(server, folder):
    """Edges lead also through items and lists.

    data ─► model 1 ─► table
      └───► model 2 ────┘
    """
    for state, counts in (("Completed", "'executed': 4"), ("Cached", "'loaded': 1, 'skipped': 3")):
        output = script(folder)
        assert output.startswith(str(RESULT))
        assert counts in output
        run = server.flow_runs("classifier")[0]
        assert run["state_name"] == "Completed"
        assert server.states(run["id"], 4) == dict.fromkeys(NAMES, state)
        assert server.edges(run["id"], 4) == EDGES


def test_a_served_deployment_runs_in_a_new_process(server, folder):
    """What it finds saved by the script it loads, and the other way round."""
    script(folder)
    command = (sys.executable, str(folder / "script.py"), "serve")
    with started(*command, log=folder / "log", cwd=folder):
        run = trigger(server, "local")
        assert run["state_name"] == "Completed", (folder / "log").read_text()
        assert server.states(run["id"], 4) == dict.fromkeys(NAMES, "Cached")
        run = trigger(server, "local", reuse="never")
        assert server.states(run["id"], 4) == dict.fromkeys(NAMES, "Completed")
    FileStorage(folder / "storage").remove_task("classifier", "table")
    assert "'executed': 1, 'loaded': 2" in script(folder)


def test_a_deployment_for_a_work_pool_is_run_by_its_worker(server, folder):
    prefect = (sys.executable, "-m", "prefect")
    create = (*prefect, "work-pool", "create", "pool", "--type", "process")
    subprocess.run(create, check=True, capture_output=True)
    script(folder, "deploy")
    start = (*prefect, "worker", "start", "--pool", "pool")
    with started(*start, log=folder / "log", cwd=folder):
        run = trigger(server, "pooled")
    assert run["state_name"] == "Completed", (folder / "log").read_text()
    assert server.states(run["id"], 4) == dict.fromkeys(NAMES, "Completed")
    assert FileStorage(folder / "storage").read_task("classifier", "table") == RESULT


def test_after_a_kill_only_what_is_missing_executes(server, folder):
    (folder / "slow").touch()
    command = [sys.executable, str(folder / "script.py")]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    hanging = folder / "hanging"
    prefect_apart.wait_until(hanging.exists, "the last node")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert "'executed': 1, 'loaded': 2, 'skipped': 1" in script(folder)
    run = server.flow_runs("classifier")[0]
    assert server.states(run["id"], 4) == {
        "data": "Cached",
        "model 1": "Cached",
        "model 2": "Cached",
        "table": "Completed",
    }
