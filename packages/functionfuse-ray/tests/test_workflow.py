"""Running a graph on Ray: what is returned, saved, submitted, and how nodes are named."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.rayback import Query, RayWorkflow
from functionfuse.backends.plugins import InitializerPlugin
from functionfuse.errors import DamagedResultWarning, NoMatchWarning
from functionfuse.storage import storage_factory
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing.functions import add, keep, table, token
from functionfuse.testing.graph_tests import states
from functionfuse.testing.reuse_tests import damage_result

pytestmark = pytest.mark.usefixtures("ray")

NAME = "conformance"
PATIENCE_S = 60.0


@workflow
def wait_for(path, started=None):
    """Wait until there is a file; first tell that this node has started."""
    if started is not None:
        (started / f"{time.monotonic_ns()}").touch()
    end = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    return path.name


@workflow
def make_array(size):
    return np.arange(size)


@workflow
def is_writable(array):
    return array.flags.writeable


class Traveller:
    """Counts how often it was pickled on its way."""

    def __init__(self, trips):
        self.trips = trips

    def __reduce__(self):
        return Traveller, (self.trips + 1,)


class Deadly(Traveller):
    """Kills the process that pickles it the second time: where it is saved."""

    def __init__(self, trips, path):
        super().__init__(trips)
        self.path = path

    def __reduce__(self):
        if self.trips and not self.path.exists():
            self.path.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Deadly, (self.trips + 1, self.path)


@workflow
def depart_deadly(path):
    return Deadly(0, path)


@workflow
def depart():
    return Traveller(0)


@workflow
def count_trips(traveller):
    return traveller.trips


def make(*nodes, storage=None):
    w = RayWorkflow(*nodes, workflow_name=NAME)
    if storage is not None:
        w.set_storage(storage)
    return w


def test_without_return_results_a_run_returns_none_when_all_is_saved(tmp_path):
    storage = FileStorage(tmp_path)
    nodes = [make_array(50_000 + i).set_name(f"array {i}") for i in range(20)]
    assert make(*nodes, storage=storage).run() is None
    assert len(storage.list_tasks(NAME, "*")) == 20
    assert list((tmp_path / ".functionfuse" / "tmp").iterdir()) == []
    assert len(storage.read_task(NAME, "array 7")) == 50_007


def test_a_second_run_that_returns_nothing_loads_nothing(tmp_path):
    w = make(token(token()), storage=FileStorage(tmp_path))
    w.run()
    assert w.run() is None
    assert w.last_run.counts() == {"executed": 0, "loaded": 0, "skipped": 2}


def test_items_and_lists_are_returned():
    node = keep({"a": [1, 2], "b": 3})
    assert make(node["a"][1]).run(True) == 2
    assert make(node["a"], node, node["b"]).run(return_results=True) == [
        [1, 2],
        {"a": [1, 2], "b": 3},
        3,
    ]


def test_arrays_arrive_read_only():
    assert make(is_writable(make_array(1_000_000))).run(True) is False


@pytest.mark.parametrize("limit", [1, 3])
def test_max_pending_tasks_bounds_what_is_submitted(ray, tmp_path, limit):
    """A fan of nodes that wait and ask for no CPU: as many start as are submitted.

    wait_for x 8 ─► table
    """
    gate, started = tmp_path / "gate", tmp_path / "started"
    started.mkdir()
    nodes = {f"n{i}": wait_for(gate, started) for i in range(8)}
    w = make(table(**nodes))
    w.query("wait_for.*").set_remote_args({"num_cpus": 0})
    thread = threading.Thread(target=w.run, kwargs={"max_pending_tasks": limit})
    thread.start()
    try:
        end = time.monotonic() + PATIENCE_S
        while len(list(started.iterdir())) < limit and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(1)
        assert len(list(started.iterdir())) == limit
    finally:
        gate.touch()
        thread.join()
    assert w.last_run.counts()["executed"] == 9


@pytest.mark.parametrize("limit", [-1, 1.5, "3", None, True], ids=repr)
def test_a_limit_that_is_no_number_of_nodes_is_refused(limit):
    with pytest.raises(ValueError, match="max_pending_tasks is a whole number"):
        make(keep(1)).run(max_pending_tasks=limit)


def test_resources_that_nobody_has_are_warned_of(tmp_path):
    """The node waits for its resource; the gate never opens, so the run is not waited for."""
    w = make(keep(1).set_name("needy"))
    w.query("needy").set_remote_args({"resources": {"_tpu": 1}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=r"_tpu.*nodes of workflow 'conformance'"):
            w.run()


def test_queries_are_this_backends_own():
    w = make(keep(1).set_name("model"), keep(2).set_name("data"))
    query = w.query("model")
    assert type(query) is Query
    assert query.set_remote_args({"num_cpus": 1}) is query
    assert query.set_plugin(InitializerPlugin(print)) is query
    with pytest.warns(NoMatchWarning, match="'mode'"):
        assert w.query("mode").set_remote_args({}).nodes == []


def test_a_node_is_a_task_of_its_name(ray):
    node = keep(keep(1).set_name("the parent")).set_name("the child, (1)")
    make(node).run()
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        names = {event["cat"] for event in ray.timeline()}
        if {"task::the parent", "task::the child, (1)"} <= names:
            return
        time.sleep(0.5)
    pytest.fail(f"not among {names}")


def test_threads_run_workflows_at_once(tmp_path):
    results = {}

    def run(number):
        nodes = [add(keep(i), number) for i in range(20)]
        w = RayWorkflow(*nodes, workflow_name=f"thread {number}")
        w.set_storage(FileStorage(tmp_path))
        results[number] = w.run(return_results=True)

    threads = [threading.Thread(target=run, args=(number,)) for number in (100, 200, 300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: [i + n for i in range(20)] for n in (100, 200, 300)}


def test_a_damaged_result_is_computed_again_while_other_nodes_finish(tmp_path):
    """a ─► b (damaged) ─► c (removed), and beside them a node that runs once.

    a ─► b ─► c
    beside
    """
    storage = FileStorage(tmp_path)

    def build():
        c = add(add(keep(4).set_name("a"), 1).set_name("b"), 1).set_name("c")
        return make(c, token().set_name("beside"), storage=storage)

    build().run()
    for name in ("c", "beside"):
        storage.remove_task(NAME, name)
    damage_result(storage, "b", "flipped")
    w = build()
    with pytest.warns(DamagedResultWarning, match="'b'"):
        c, beside = w.run(return_results=True)
    assert c == 6
    assert states(w) == {"a": "loaded", "b": "executed", "c": "executed", "beside": "executed"}
    assert storage.read_task(NAME, "beside") == beside
    assert storage.read_task(NAME, "b") == 5


@pytest.mark.parametrize("always_read", [False, True])
def test_always_read_gives_consumers_what_is_read_back(tmp_path, always_read):
    storage = FileStorage(tmp_path)
    storage.always_read = always_read
    node = depart().set_name("departed")
    trips = make(count_trips(node), storage=storage).run(return_results=True)
    assert trips == 1 + always_read
    assert storage.list_tasks(NAME, "*") == ["count_trips_0000", "departed"]


@pytest.mark.parametrize(
    ("kind", "options"), [("file", {}), ("ray", {"remoteArgs": {"resources": {"_disk": 0.001}}})]
)
def test_a_save_is_tried_again_when_its_process_died(tmp_path, kind, options):
    options = {"path": str(tmp_path / "results"), **options}
    storage = storage_factory({"kind": kind, "options": options})
    make(depart_deadly(tmp_path / "died").set_name("deadly"), storage=storage).run()
    assert (tmp_path / "died").exists()
    assert storage.list_tasks(NAME, "*") == ["deadly"]
