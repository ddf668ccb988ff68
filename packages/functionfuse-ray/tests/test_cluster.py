"""A cluster of several machines, played by raylets on this one, that come and go.

head (2 CPU)    model (1 CPU, _model)    disk (1 CPU, _disk)
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.rayback import RayWorkflow
from functionfuse.errors import UnreachableStorageError, notes
from functionfuse.storage.rayfilestorage import FileStorage
from functionfuse.testing.graph_tests import states

NAME = "cluster"
PATIENCE_S = 60.0
WELL_UNDER_A_MINUTE_S = 40.0


@workflow
def where(*inputs):
    """Return the node of the cluster that this runs on."""
    import ray

    return ray.get_runtime_context().get_node_id()


@workflow
def wait_for(path, started):
    """Tell where this runs, and wait until there is a file."""
    import ray

    with started.open("a") as file:
        file.write(ray.get_runtime_context().get_node_id() + "\n")
    end = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    return ray.get_runtime_context().get_node_id()


class Traveller:
    """Takes down on which nodes of the cluster it was pickled: where it was made, where saved."""

    def __init__(self, *nodes, started=None, gate=None):
        self.nodes = nodes
        self.wait = started, gate

    def __reduce__(self):
        import ray

        started, gate = self.wait
        if self.nodes and gate is not None:
            started.touch()
            end = time.monotonic() + PATIENCE_S
            while not gate.exists() and time.monotonic() < end:
                time.sleep(0.02)
        node = ray.get_runtime_context().get_node_id()
        make = partial(Traveller, started=started, gate=gate)
        return make, (*self.nodes, node)


@workflow
def depart(started=None, gate=None):
    """Return what is pickled twice; the second time, when it is saved, it waits for a file."""
    return Traveller(started=started, gate=gate)


@pytest.fixture
def storage(tmp_path):
    return FileStorage(
        {"path": str(tmp_path / "results"), "remoteArgs": {"resources": {"_disk": 0.001}}}
    )


def make(*nodes, storage=None, **resources):
    w = RayWorkflow(*nodes, workflow_name=NAME)
    for pattern, resource in resources.items():
        w.query(pattern).set_remote_args({"resources": {resource: 0.001}})
    if storage is not None:
        w.set_storage(storage)
    return w


@pytest.fixture
def run_in_thread():
    """Run a workflow in a thread; return a function that gives what it returns or raises."""
    with ThreadPoolExecutor() as pool:
        yield lambda w: pool.submit(w.run, return_results=True).result


def wait_until(is_true):
    end = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_nodes_and_results_land_where_they_are_sent(join, storage, tmp_path):
    disk, model = join("_disk"), join("_model")
    data = where().set_name("data")
    w = make(data, where(data).set_name("fit"), storage=storage, data="_disk", fit="_model")
    assert w.run(return_results=True) == [disk.node_id, model.node_id]
    make(depart().set_name("traveller"), storage=storage, traveller="_model").run()
    assert storage.read_task(NAME, "traveller").nodes == (model.node_id, disk.node_id)
    files = {path.name for path in (tmp_path / "results" / NAME).iterdir()}
    assert files == {"data", "fit", "traveller"}


def test_a_node_whose_machine_dies_runs_elsewhere(machines, join, run_in_thread, tmp_path):
    """first ─► second, both where there is a _model; that machine dies while second runs."""
    model = join("_model")
    gate, started = tmp_path / "gate", tmp_path / "started"
    first = where().set_name("first")
    second = wait_for(gate, started).set_name("second")
    outcome = run_in_thread(make(first, second, first="_model", second="_model"))
    wait_until(started.exists)
    machines.remove(model)
    other = join("_model")
    wait_until(lambda: len(started.read_text().split()) == 2)
    gate.touch()
    assert outcome()[1] == other.node_id
    assert started.read_text().split() == [model.node_id, other.node_id]


def test_the_storages_machine_dies_while_it_saves(machines, join, run_in_thread, storage, tmp_path):
    """The error comes soon and says what to do; then only what was not saved executes.

    early ─► late (its save is interrupted)
    """
    disk = join("_disk")
    gate, started = tmp_path / "gate", tmp_path / "started"

    def build():
        early = where().set_name("early")
        return make(early, depart(started, gate).set_name("late"), storage=storage)

    outcome = run_in_thread(build())
    saved = tmp_path / "results" / NAME / "early"
    wait_until(lambda: started.exists() and saved.exists())
    start = time.monotonic()
    machines.remove(disk)
    with pytest.raises(UnreachableStorageError, match=r"'_disk'.*results.*joins") as caught:
        outcome()
    assert time.monotonic() - start < WELL_UNDER_A_MINUTE_S
    assert any("'late'" in note for note in notes(caught.value))
    with pytest.raises(UnreachableStorageError, match="'_disk'"):
        build().run()
    assert time.monotonic() - start < WELL_UNDER_A_MINUTE_S
    gate.touch()
    join("_disk")
    w = build()
    w.run()
    assert states(w) == {"early": "skipped", "late": "executed"}
    assert storage.list_tasks(NAME, "*") == ["early", "late"]
