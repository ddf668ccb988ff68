"""Graphs that starve or hang a cluster when references are hidden from Ray's scheduler."""

from __future__ import annotations

import contextlib
import threading
import time

import numpy as np
import psutil
import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.rayback import RayWorkflow
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing.functions import add, keep, total
from ray_apart import running, spill_count

PATIENCE_S = 120.0
ARRAY_BYTES = 200 * 10**6
"""Three of them do not fit into the store together."""


@workflow
def wait_for(path):
    """Wait until there is a file."""
    end = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    return 1


@workflow
def touch(path):
    path.touch()
    return 2


@workflow
def nap(value):
    time.sleep(1)
    return value


@workflow
def make_array():
    return np.zeros(ARRAY_BYTES // 8)


@workflow
def increase(array):
    return array + 1


@workflow
def first(array):
    return float(array[0])


@pytest.fixture(scope="module")
def ray():
    """Return Ray with one CPU and one X; a second CPU is on a node of its own."""
    with running(num_cpus=1, resources={"X": 1}, object_store_memory=500 * 10**6) as ray:
        yield ray


def run(*nodes, resources=(), **options):
    w = RayWorkflow(*nodes, workflow_name="starvation")
    for pattern, args in resources:
        w.query(pattern).set_remote_args(args)
    return w.run(return_results=True, **options)


def workers():
    """List the processes that Ray started to run tasks."""
    names = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            names.append(process.name())
    return [name for name in names if name.startswith("ray::") and not name.endswith("Agent")]


@pytest.fixture
def most_workers():
    """Watch how many workers there are; return a function that gives the most."""
    seen, end = [[]], threading.Event()

    def watch():
        while not end.wait(0.1):
            seen.append(workers())

    thread = threading.Thread(target=watch)
    thread.start()
    yield lambda: max(seen, key=len)
    end.set()
    thread.join()


def test_an_unrelated_node_is_not_starved(ray, tmp_path):
    """Consumers that wait inside their tasks would hold the CPU, or processes without end.

    The slow node ends only when the unrelated one, submitted last, has run.

    wait_for ─► total x 200
    touch
    """
    gate = tmp_path / "gate"
    slow = wait_for(gate).set_name("slow")
    consumers = [total([slow, i]) for i in range(200)]
    results = run(*consumers, touch(gate), resources=[("slow", {"num_cpus": 0})])
    assert results == [*(1 + i for i in range(200)), 2]


def test_nodes_that_wait_hold_no_resource(ray):
    """B holding X while it waits for A and C, C waiting for X: nobody would ever move.

    A (1 CPU) ─► B (X) ◄── C (1 CPU, X) ◄── A
    """
    a = nap(1).set_name("A")
    c = total([nap(10), a]).set_name("C")
    b = total([c, a]).set_name("B")
    resources = [
        ("A", {"num_cpus": 1}),
        ("B", {"num_cpus": 0, "resources": {"X": 1}}),
        ("C", {"num_cpus": 1, "resources": {"X": 1}}),
    ]
    assert run(b, c, resources=resources) == [12, 11]


def test_a_wide_fan_in_starts_no_more_workers_than_cpus(ray, most_workers):
    """keep x 1,000 ─► total, with one CPU."""
    assert run(total([keep(i) for i in range(1000)])) == sum(range(1000))
    # One for the CPU; Ray itself may start the next before the last has gone.
    assert len(most_workers()) <= 2


def test_saving_a_wide_fan_in_starts_few_workers(ray, most_workers, tmp_path):
    """Saves ask for no CPU: without a limit there would be a process for each."""
    w = RayWorkflow(total([keep(i) for i in range(200)]), workflow_name="starvation")
    w.set_storage(FileStorage(tmp_path))
    assert w.run(return_results=True) == sum(range(200))
    assert len(most_workers()) <= 5
    assert len(list((tmp_path / "starvation").iterdir())) == 201


def test_ten_thousand_small_nodes(ray):
    """A layer of 5,000, a layer of 5,000 on it, and their sum."""
    nodes = [add(keep(i), 1) for i in range(5000)]
    assert run(total(nodes)) == sum(range(1, 5001))


def test_a_chain_of_large_arrays_needs_no_more_than_two_at_a_time(ray):
    """make_array ─► increase x 8 ─► first: 1,800 MB through a store of 500 MB."""
    node = make_array()
    for _ in range(8):
        node = increase(node)
    assert run(first(node)) == 8.0
    assert spill_count() == 0
