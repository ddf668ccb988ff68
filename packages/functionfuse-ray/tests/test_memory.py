"""What lies in Ray's object store, and how long."""

from __future__ import annotations

import time

import numpy as np
import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.rayback import RayWorkflow
from functionfuse.testing.functions import keep
from ray_apart import spill_count

LITERAL_BYTES = 20_000_000
RESULT_BYTES = 50_000_000
FEW = 10
"""Ray frees what is released a moment later; on a busy machine some is spilled by then."""
RELEASE_TIMEOUT_S = 30.0


@workflow
def length(array, number):
    return len(array) + number


@workflow
def make_array(number):
    return np.full(RESULT_BYTES, number, dtype=np.uint8)


@workflow
def increase(array):
    return array + np.uint8(1)


@workflow
def first(array):
    return int(array[0])


def run(*nodes, **options):
    return RayWorkflow(*nodes, workflow_name="memory").run(return_results=True, **options)


@pytest.fixture
def put_bytes(ray, monkeypatch):
    """Count what this process puts into the object store."""
    sizes = []
    original = ray._private.worker.Worker.put_object

    def put_object(self, value, *args, **kwargs):
        sizes.append(getattr(value, "nbytes", 0))
        return original(self, value, *args, **kwargs)

    monkeypatch.setattr(ray._private.worker.Worker, "put_object", put_object)
    return sizes


def used_bytes(ray):
    available = ray.available_resources().get("object_store_memory", 0)
    return ray.cluster_resources()["object_store_memory"] - available


def test_a_large_literal_is_put_once_for_all_nodes(ray, put_bytes):
    """30 nodes take it alone, in a list, and beside a node in a list."""
    literal = np.zeros(LITERAL_BYTES, dtype=np.uint8)
    before = used_bytes(ray)
    nodes = [length(literal, i) for i in range(30)]
    nodes += [keep([keep(1), literal])[1][:3], keep({"k": literal})["k"][:3]]
    results = run(*nodes)
    assert results[:30] == [LITERAL_BYTES + i for i in range(30)]
    assert [len(result) for result in results[30:]] == [3, 3]
    # The dictionary is a literal of its own.
    assert put_bytes == [LITERAL_BYTES, 0]
    assert used_bytes(ray) - before < 5 * LITERAL_BYTES


def test_small_literals_go_with_the_node(put_bytes):
    assert run(*(keep([i, "text", (1.5, None)]) for i in range(5)))[3] == [3, "text", (1.5, None)]
    assert put_bytes == []


def test_results_are_released_when_the_last_consumer_has_them(ray):
    """A chain of 40 results of 50 MB in a store of 300 MB; if kept, 34 were spilled.

    make_array ─► increase ─► … ─► increase ─► first
    """
    node = make_array(7)
    for _ in range(39):
        node = increase(node)
    before = spill_count()
    assert run(first(node)) == 7 + 39
    assert spill_count() - before < FEW


def test_results_of_many_chains_are_released(ray):
    """10 chains of 3, 1,500 MB in all, of which few are alive at a time."""
    chains = [first(increase(increase(make_array(i)))) for i in range(10)]
    before = spill_count()
    assert run(*chains, max_pending_tasks=4) == [i + 2 for i in range(10)]
    assert spill_count() - before < FEW


def test_results_that_nobody_takes_are_not_kept(ray):
    before = used_bytes(ray)
    nodes = [make_array(i) for i in range(20)]
    RayWorkflow(*nodes, workflow_name="memory").run()
    end = time.monotonic() + RELEASE_TIMEOUT_S
    while used_bytes(ray) - before >= RESULT_BYTES:
        assert time.monotonic() < end
        time.sleep(0.2)
