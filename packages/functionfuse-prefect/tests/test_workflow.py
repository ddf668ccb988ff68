"""The flow of a workflow: made once, run often, by whatever calls it."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from functionfuse import workflow
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import require
from functionfuse.testing.functions import Account, add, keep, table, token
from functionfuse.testing.graph_tests import states

require("prefect")

from prefect import Flow, flow  # noqa: E402
from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner  # noqa: E402

from functionfuse.backends.addons.prefectback import PrefectWorkflow  # noqa: E402

pytestmark = pytest.mark.usefixtures("temporary_server")

LONG_S = 20.0


@workflow
def meet(barrier, index):
    """Return when as many nodes as the barrier takes run at once."""
    barrier.wait(timeout=LONG_S)
    return index


@workflow
def thread_name(*inputs):
    return threading.current_thread().name


@workflow
def span(*inputs):
    start = time.perf_counter()
    time.sleep(0.05)
    return start, time.perf_counter()


def test_generate_flow_returns_the_flow_that_is_kept(name):
    w = PrefectWorkflow(add(1, 2), workflow_name=name)
    made = w.generate_flow()
    assert isinstance(made, Flow)
    assert made is w.flow is w.generate_flow()
    assert made.name == name


def test_the_flow_is_there_without_generate_flow(name):
    assert PrefectWorkflow(add(1, 2), workflow_name=name).flow() == 3


def test_flow_and_run_return_the_same_and_run_many_times(name):
    one = keep(1)
    w = PrefectWorkflow(add(one, 1), one, workflow_name=name)
    answers = [w.run(), w.flow(), w.generate_flow()(), w.run(), w.flow()]
    assert answers == [[2, 1]] * 5


def test_the_plan_is_made_when_the_flow_runs(name, tmp_path):
    node = token().set_name("node")
    w = PrefectWorkflow(node, workflow_name=name)
    held = w.generate_flow()
    w.set_storage(FileStorage(tmp_path))
    first = held()
    assert held() == first
    w.storage.remove_task(name, "node")
    assert held() != first


def test_the_flow_takes_what_run_takes(name, tmp_path):
    w = PrefectWorkflow(token().set_name("node"), workflow_name=name)
    w.set_storage(FileStorage(tmp_path))
    first = w.flow()
    assert w.flow(reuse="never") != first
    assert states(w) == {"node": "executed"}


def test_settings_reach_a_flow_that_somebody_holds(temporary_server, name):
    w = PrefectWorkflow(keep(1).set_name("node"), workflow_name=name)
    held = w.generate_flow()
    w.query("node").set_task_args({"tags": ["mine"]})
    w.set_prefect_flow_options({"flow_run_name": "held", "retries": 2})
    assert held.retries == 2
    run_id = held(return_state=True).state_details.flow_run_id
    assert temporary_server.ask(f"flow_runs/{run_id}")["name"] == "held"
    assert temporary_server.task_runs(str(run_id), 1)["node"]["tags"] == ["mine"]


def test_names_of_workflows_that_flows_cannot_have(name):
    for odd in (f"{name}/a & <b> 100%", ""):
        w = PrefectWorkflow(keep(1), workflow_name=odd)
        assert w.run() == 1
        assert w.flow.name


def test_task_runs_have_the_names_of_their_nodes(temporary_server, name):
    names = ["{braces} {0}", "100% %s", "é 模型", "a/b, c (d)", "n" * 300]
    w = PrefectWorkflow(*(keep(n).set_name(n) for n in names), workflow_name=name)
    run_id = w.flow(return_state=True).state_details.flow_run_id
    assert set(temporary_server.task_runs(str(run_id), len(names))) == set(names)


@pytest.mark.parametrize("removed", ["a", "b", "c", "d", "log"])
def test_edges_are_whole_whatever_is_cached(temporary_server, name, tmp_path, removed):
    """Also those from a node that executes to one that is only loaded.

    a ─► b ─► log ─► d
    └──► c ──────────┘
    """
    a = keep([1]).set_name("a")
    b, c = keep(a[0]).set_name("b"), keep([a]).set_name("c")
    d = table(x=[keep(b).set_name("log")], y={"k": c[0]}).set_name("d")
    w = PrefectWorkflow(d, b, workflow_name=name)
    w.set_storage(FileStorage(tmp_path))
    w.log_nodes("log")
    edges = {("a", "b"), ("a", "c"), ("b", "log"), ("log", "d"), ("c", "d")}
    for executed in ({"a", "b", "c", "d", "log"}, {removed, "log"}):
        w.run()
        run_id = temporary_server.flow_runs(name)[0]["id"]
        shown = temporary_server.states(run_id, 5)
        assert {node for node, state in shown.items() if state == "Completed"} == executed
        assert {state for node, state in shown.items() if node not in executed} <= {"Cached"}
        assert temporary_server.edges(run_id, 5) == edges
        if removed != "log":
            w.storage.remove_task(name, removed)


def test_independent_nodes_run_at_once(name):
    barrier = threading.Barrier(4)
    w = PrefectWorkflow(*(meet(barrier, i) for i in range(4)), workflow_name=name)
    assert w.run() == [0, 1, 2, 3]


def test_a_slow_branch_holds_up_no_other(name):
    """The end of the second branch lets the first one go on, so both must be under way.

    start ─► waits for the event
      └────► second ─► sets the event
    """
    event = threading.Event()

    @workflow
    def wait(_):
        return event.wait(timeout=LONG_S)

    @workflow
    def let_go(_):
        event.set()

    start = keep(1)
    w = PrefectWorkflow(wait(start), let_go(keep(start)), workflow_name=name)
    assert w.run() == [True, None]


def test_one_thread_runs_one_node_after_the_other(name):
    w = PrefectWorkflow(*(span(i) for i in range(4)), workflow_name=name)
    w.set_prefect_flow_options({"task_runner": ThreadPoolTaskRunner(max_workers=1)})
    spans = sorted(w.run())
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_options_given_to_the_flow_itself_hold_too(name):
    w = PrefectWorkflow(*(span(i) for i in range(3)), workflow_name=name)
    serial = w.flow.with_options(task_runner=ThreadPoolTaskRunner(max_workers=1))
    spans = sorted(serial())
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_stateful_nodes_are_refused_by_processes(name):
    account = Account(1)
    w = PrefectWorkflow(account.deposit(1), workflow_name=name)
    w.set_prefect_flow_options({"task_runner": ProcessPoolTaskRunner(max_workers=1)})
    with pytest.raises(TypeError, match=r"stateful.*ProcessPoolTaskRunner.*give.*ThreadPool"):
        w.run()


def test_runs_inside_an_event_loop(name):
    w = PrefectWorkflow(add(1, 2), workflow_name=name)

    async def main():
        return w.run()

    assert asyncio.run(main()) == 3


def test_two_flows_run_at_once_in_two_threads(name):
    barrier = threading.Barrier(2)
    ws = [PrefectWorkflow(meet(barrier, i), workflow_name=f"{name} {i}") for i in range(2)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda w: w.run(), ws)) == [0, 1]


def test_one_workflow_runs_twice_at_once(name):
    barrier = threading.Barrier(2)
    w = PrefectWorkflow(add(meet(barrier, 1), 1), workflow_name=name)
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: w.run(), range(2))) == [2, 2]


def test_runs_inside_a_flow_of_the_users(temporary_server, name):
    w = PrefectWorkflow(add(keep(1), 1).set_name("sum"), workflow_name=name)

    @flow(name=f"{name} outer")
    def outer():
        return w.run() + w.flow()

    assert outer() == 4
    runs = temporary_server.flow_runs(name)
    assert [run["state_name"] for run in runs] == ["Completed", "Completed"]
    assert all(run["parent_task_run_id"] for run in runs)


def test_one_graph_runs_as_two_flows(name):
    node = add(keep(1), 1)
    first = PrefectWorkflow(node, workflow_name=name)
    second = PrefectWorkflow(add(node, 1), workflow_name=f"{name} 2")
    assert (first.run(), second.run(), first.run()) == (2, 3, 2)


def test_a_storage_that_only_workers_of_ray_reach_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.setattr(FileStorage, "__module__", "functionfuse.storage.rayfilestorage._storage")
    w = PrefectWorkflow(keep(1), workflow_name=name)
    with pytest.raises(TypeError, match="of another kind than 'ray'"):
        w.set_storage(FileStorage(tmp_path))
