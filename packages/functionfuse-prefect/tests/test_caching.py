"""Prefect's own caching and persistence, which are off unless asked for."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from functionfuse import workflow
from functionfuse.testing import require
from functionfuse.testing.functions import Account, add, keep

require("prefect")

from prefect.cache_policies import DEFAULT, INPUTS, NO_CACHE, TASK_SOURCE  # noqa: E402

from functionfuse.backends.addons.prefectback import PrefectWorkflow  # noqa: E402

pytestmark = pytest.mark.usefixtures("temporary_server")


@workflow
def double(x):
    return 2 * x


@workflow
def triple(x):
    return 3 * x


@workflow
def draw(seed, *, size=1):
    return f"{uuid4().hex} of {seed} and {size}"


def run_twice(w, other=None):
    return w.run(), (other or w).run()


def stored_files(prefect_home):
    return sorted((prefect_home / "storage").rglob("*"))


def test_nothing_is_cached_or_persisted_unless_asked(name, prefect_home):
    before = stored_files(prefect_home)
    first, second = run_twice(PrefectWorkflow(draw(1), workflow_name=name))
    assert first != second
    assert stored_files(prefect_home) == before


def test_persisting_is_not_caching(name, prefect_home):
    w = PrefectWorkflow(draw(1), workflow_name=name)
    w.query().set_task_args({"persist_result": True})
    before = stored_files(prefect_home)
    first, second = run_twice(w)
    assert first != second
    assert len(stored_files(prefect_home)) == len(before) + 2


def test_a_flow_that_persists_has_its_nodes_persist(name, prefect_home):
    """But the one that is told not to: two nodes and the flow's own result are kept."""
    first = draw(1).set_name("first")
    nodes = first, draw(first).set_name("second"), draw(first, size=2).set_name("third")
    w = PrefectWorkflow(*nodes, workflow_name=name)
    w.set_prefect_flow_options({"persist_result": True})
    w.query("third").set_task_args({"persist_result": False})
    before = stored_files(prefect_home)
    w.run()
    assert len(stored_files(prefect_home)) == len(before) + 3


def test_inputs_as_a_cache_policy_tell_functions_and_arguments_apart(name, temporary_server):
    """Also of the results of nodes: the second run is found though they are new objects."""
    nodes = [f(keep([x, name])[0]) for f in (double, triple) for x in (2, 3)]
    drawn = draw(keep(name))
    w = PrefectWorkflow(*nodes, drawn, draw(name, size=2), workflow_name=name)
    w.query("(draw|double|triple).*").set_task_args({"cache_policy": INPUTS})
    first, second = run_twice(w)
    assert first[:4] == [4, 6, 6, 9]
    assert second == first
    assert first[4] != first[5]
    run_id = temporary_server.flow_runs(name)[0]["id"]
    cached = temporary_server.states(run_id, 11)
    assert {n for n, state in cached.items() if state == "Cached"} == {
        *(f"{f}_000{i}" for f in ("double", "triple", "draw") for i in (0, 1))
    }


def test_the_source_of_the_users_function_counts(name):
    def make(function):
        w = PrefectWorkflow(function(name).set_name("node"), workflow_name=name)
        w.query().set_task_args({"cache_policy": TASK_SOURCE + INPUTS})
        return w

    def one():
        @workflow
        def f(x):
            return draw.func(x)

        return f

    def other():
        @workflow
        def f(x):
            return draw.func(x) + "!"

        return f

    function = one()
    first, second = run_twice(make(function), make(function))
    assert first == second
    assert make(other()).run().endswith("!")


@pytest.mark.parametrize("policy", [DEFAULT, NO_CACHE], ids=["DEFAULT", "NO_CACHE"])
def test_policies_that_are_about_one_run_find_nothing_in_the_next(name, policy):
    w = PrefectWorkflow(draw(name), workflow_name=name)
    w.query().set_task_args({"cache_policy": policy})
    first, second = run_twice(w)
    assert first != second


def test_a_cache_key_function_gets_the_users_own_arguments(name):
    seen = []

    def key(context, arguments):
        seen.append(arguments)
        return f"{name} {arguments['seed']}"

    w = PrefectWorkflow(draw(keep(7), size=keep([5])[0]), draw(8), workflow_name=name)
    w.query("draw.*").set_task_args({"cache_key_fn": key, "cache_expiration": timedelta(hours=1)})
    first, second = run_twice(w)
    assert first == second
    assert {"seed": 7, "size": 5} in seen
    assert {"seed": 8, "size": 1} in seen


def test_calls_on_an_instance_happen_whatever_is_cached(name):
    account = Account(0)
    w = PrefectWorkflow(add(account.deposit(1), account.deposit(1)), workflow_name=name)
    w.query("Account.*").set_task_args({"cache_policy": INPUTS, "persist_result": True})
    assert run_twice(w) == (3, 3)
