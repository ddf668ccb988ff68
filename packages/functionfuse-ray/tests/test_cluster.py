"""A cluster of several machines, played by raylets on this one, that come and go.

head (2 CPU)    model (1 CPU, _model)    disk (1 CPU, _disk)
"""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

import ray_apart
from functionfuse import workflow
from functionfuse.backends.builtin.rayback import RayWorkflow
from functionfuse.errors import UnreachableStorageError, notes
from functionfuse.storage.rayfilestorage import FileStorage
from functionfuse.testing.functions import token
from functionfuse.testing.graph_tests import states

NAME = "cluster"
PATIENCE_S = 60.0
WELL_UNDER_A_MINUTE_S = 40.0
COUNT = 200


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


@pytest.fixture(scope="module")
def machines():
    with ray_apart.cluster() as machines:
        yield machines


@pytest.fixture
def join(machines):
    """Have machines join; those that are still there leave at the end."""
    nodes = []

    def join(resource):
        nodes.append(machines.add(resource))
        return nodes[-1]

    yield join
    for node in nodes:
        with contextlib.suppress(Exception):  # It is gone.
            machines.remove(node, graceful=True)


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


def wait_until(is_true, driver=None):
    end = time.monotonic() + PATIENCE_S
    while not is_true():
        if time.monotonic() > end or (driver is not None and driver.poll() is not None):
            pytest.fail("waited in vain" if driver is None else stop(driver))
        time.sleep(0.05)


def stop(driver):
    """End a driver; return what it said."""
    driver.kill()
    return driver.communicate()[1]


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


DRIVER = """
    import sys
    import ray
    from functionfuse.backends.builtin.rayback import RayWorkflow
    from functionfuse.storage.rayfilestorage import FileStorage
    from functionfuse.testing.functions import token

    address, path, workflow_name, count = sys.argv[1:]
    ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    nodes = [token().set_name(f"t{i}") for i in range(int(count))]
    w = RayWorkflow(*nodes, workflow_name=workflow_name)
    w.set_storage(FileStorage({"path": path, "remoteArgs": {"resources": {"_disk": 0.001}}}))
    print("ready", flush=True)
    w.run()
    """


@pytest.fixture
def start_driver(machines, tmp_path):
    """Start another driver on the cluster, which runs many nodes; return its process."""
    drivers = []

    def start(workflow_name):
        path = tmp_path / "results"
        args = (machines.address, path, workflow_name, COUNT)
        drivers.append(ray_apart.start_script(tmp_path, DRIVER, *args))
        assert drivers[-1].stdout.readline() == "ready\n"
        return drivers[-1]

    yield start
    for driver in drivers:
        stop(driver)


def make_same(storage, workflow_name):
    """Make the workflow that the other driver runs."""
    w = RayWorkflow(*(token().set_name(f"t{i}") for i in range(COUNT)), workflow_name=workflow_name)
    w.set_storage(storage)
    return w


@pytest.mark.parametrize("saved", [0, 50])
def test_nothing_is_lost_when_the_driver_is_killed(join, start_driver, storage, tmp_path, saved):
    """It is killed (SIGKILL) after so many results were saved."""
    join("_disk")
    driver = start_driver(NAME)
    folder = tmp_path / "results" / NAME
    wait_until(
        lambda: not saved or (folder.exists() and len(list(folder.iterdir())) >= saved), driver
    )
    driver.kill()
    driver.wait()
    before = {name: storage.read_task(NAME, name) for name in storage.list_tasks(NAME, "*")}
    assert saved <= len(before) < COUNT
    w = make_same(storage, NAME)
    results = w.run(return_results=True)
    after = {name: storage.read_task(NAME, name) for name in storage.list_tasks(NAME, "*")}
    assert results == [after[f"t{i}"] for i in range(COUNT)]
    assert {name: after[name] for name in before} == before
    assert w.last_run.counts()["executed"] <= COUNT - len(before)


def test_two_drivers_share_a_cluster_and_a_storage(join, start_driver, storage):
    """They run one workflow and one each, at the same time."""
    join("_disk")
    driver = start_driver("shared")
    own, shared = make_same(storage, "own"), make_same(storage, "shared")
    results = own.run(return_results=True)
    assert len(set(shared.run(return_results=True))) == COUNT
    _, errors = driver.communicate(timeout=PATIENCE_S)
    assert driver.returncode == 0, errors
    assert results == [storage.read_task("own", f"t{i}") for i in range(COUNT)]
    listing = storage.list_saved("shared")
    assert (len(listing.saved), listing.damaged) == (COUNT, {})
