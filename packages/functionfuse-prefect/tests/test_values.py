"""Prefect passes results and arguments on, and neither looks into them nor keeps them."""

from __future__ import annotations

import gc
import time
import weakref

import pytest

from functionfuse import workflow
from functionfuse.testing import require
from functionfuse.testing.functions import keep, table

require("prefect")

from prefect.states import Completed, Failed  # noqa: E402

from functionfuse.backends.addons.prefectback import PrefectWorkflow  # noqa: E402

pytestmark = pytest.mark.usefixtures("temporary_server")

MANY = 1_000_000


class Trap:
    """Something that counts how often it is looked at, as Prefect looks at members."""

    looks = 0

    @property
    def __class__(self):
        Trap.looks += 1
        return Trap


class Array:
    """Something large."""


arrays: list[weakref.ref[Array]] = []


@workflow
def make_traps(literal):
    return [Trap(), {"trap": [Trap()]}, literal]


@workflow
def count_living(*inputs):
    """Return how many arrays are alive, and make one."""
    gc.collect()
    living = sum(array() is not None for array in arrays)
    array = Array()
    arrays.append(weakref.ref(array))
    return array, living


@workflow
def just_array(pair):
    return pair[0]


@workflow
def numbers():
    return list(range(MANY))


@workflow
def length(values):
    return len(values)


def test_prefect_looks_into_no_argument_and_no_result(name):
    literal = [Trap(), {"trap": Trap()}]
    node = keep(make_traps(literal))
    w = PrefectWorkflow(length(keep([node, node[0]])), workflow_name=name)
    Trap.looks = 0
    assert w.run() == 2
    assert Trap.looks == 0


def test_a_million_numbers_cost_little_more_than_one(name):
    """Prefect visits a number in about a microsecond, for each node and each consumer."""

    def seconds(w):
        start = time.perf_counter()
        w.run()
        return time.perf_counter() - start

    literal = list(range(MANY))
    many = PrefectWorkflow(length(keep(keep(keep(literal)))), workflow_name=name)
    made = PrefectWorkflow(length(keep(keep(numbers()))), workflow_name=name)
    one = PrefectWorkflow(length(keep(keep(keep([0])))), workflow_name=name)
    one.run()
    assert min(seconds(many), seconds(made)) < 2 * max(seconds(one) for _ in range(3)) + 1


def test_results_that_prefect_would_take_for_its_own_are_passed_on(name):
    failed = Failed(message="a result like any other")
    nodes = keep(failed), keep([Completed(), failed])
    assert PrefectWorkflow(keep([*nodes, 1])[2], workflow_name=name).run() == 1
    kinds = table(a=nodes[0], b=nodes[1])
    assert PrefectWorkflow(keep(kinds)["a"], keep(1), workflow_name=name).run()[0] is failed


def test_results_are_dropped_when_their_last_consumer_is_done(name):
    """make ─► just array ─► make ─► …: when one runs, there is its parent's array and no other."""
    nodes = [count_living()]
    for _ in range(10):
        nodes.append(count_living(just_array(nodes[-1])))
    assert PrefectWorkflow(nodes[-1][1], workflow_name=name).run() == 1
