"""Options of Prefect for nodes and flows."""

from __future__ import annotations

import logging

import pytest

from functionfuse import workflow
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import require
from functionfuse.testing.functions import keep, token
from functionfuse.testing.graph_tests import states

require("prefect")

from functionfuse.backends.addons.prefectback import PrefectWorkflow  # noqa: E402

pytestmark = pytest.mark.usefixtures("temporary_server")


@workflow
def double(x):
    return 2 * x


@workflow
def show(seed, *, size=1):
    return f"{seed} and {size}"


@workflow
def say(text):
    print(f"printed {text}")
    logging.getLogger("mine").warning("logged %s", text)
    return text


@pytest.mark.parametrize(
    ("args", "error", "match"),
    [
        ({"retires": 3}, TypeError, "set_task_args got 'retires'.*options are .*retries"),
        ({"fn": print}, TypeError, "'fn'"),
        ([("retries", 3)], TypeError, "takes a dictionary"),
        ({"retry_delay_seconds": "long"}, TypeError, "retry_delay_seconds"),
        ({"retry_jitter_factor": -1}, ValueError, "retry_jitter_factor"),
        ({"on_completion": [3]}, TypeError, "on_completion"),
        ({"task_run_name": 3}, TypeError, "task_run_name"),
        ({"timeout_seconds": "soon"}, ValueError, "soon"),
    ],
    ids=str,
)
def test_wrong_task_args_are_refused_at_once(name, args, error, match):
    w = PrefectWorkflow(keep(1), workflow_name=name)
    with pytest.raises(error, match=match):
        w.query().set_task_args(args)
    assert w.run() == 1


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"task_runer": None}, TypeError, "set_prefect_flow_options got 'task_runer'.*task_runner"),
        ({"fn": print}, TypeError, "'fn'"),
        (None, TypeError, "takes a dictionary"),
        ({"on_failure": [3]}, TypeError, "on_failure"),
        ({"flow_run_name": 3}, TypeError, "flow_run_name"),
        ({"name": "a/b"}, Exception, "a/b"),
    ],
    ids=str,
)
def test_wrong_flow_options_are_refused_at_once(name, options, error, match):
    w = PrefectWorkflow(keep(1), workflow_name=name)
    w.set_prefect_flow_options({"retries": 1})
    with pytest.raises(error, match=match):
        w.set_prefect_flow_options(options)
    assert w.flow.retries == 1
    assert w.run() == 1


def test_every_argument_of_a_task_can_be_set(name):
    w = PrefectWorkflow(keep(1).set_name("node"), workflow_name=name)
    options = {"version": "7", "on_rollback": [], "on_commit": [], "retries": 1, "description": "d"}
    assert w.query().set_task_args(options).nodes == list(w.find_nodes("node"))
    assert w.run() == 1


def test_the_last_task_args_of_a_node_hold(temporary_server, name):
    w = PrefectWorkflow(*(keep(i).set_name(f"n{i}") for i in range(2)), workflow_name=name)
    w.query().set_task_args({"tags": ["first"]})
    w.query("n1").set_task_args({"tags": ["last"]})
    run_id = str(w.flow(return_state=True).state_details.flow_run_id)
    runs = temporary_server.task_runs(run_id, 2)
    assert (runs["n0"]["tags"], runs["n1"]["tags"]) == (["first"], ["last"])


def test_a_node_that_fails_twice_succeeds_with_retries(temporary_server, name):
    tries = []

    @workflow
    def fail_twice(x):
        tries.append(x)
        if len(tries) < 3:
            raise OSError("not yet")
        return x

    w = PrefectWorkflow(double(fail_twice(4).set_name("node")), workflow_name=name)
    w.query("node").set_task_args({"retries": 2, "retry_delay_seconds": 0})
    state = w.flow(return_state=True)
    assert (state.result(), len(tries)) == (8, 3)
    run = temporary_server.task_runs(str(state.state_details.flow_run_id), 2)["node"]
    assert (run["state_name"], run["run_count"]) == ("Completed", 3)


@pytest.mark.parametrize("retries", [1, 2])
def test_flow_retries_run_what_is_not_saved(temporary_server, name, tmp_path, retries):
    tries = []

    @workflow
    def fail_twice(x):
        tries.append(x)
        if len(tries) < 3:
            raise OSError("not yet")
        return x

    first = token().set_name("first")
    w = PrefectWorkflow(fail_twice(first).set_name("second"), first, workflow_name=name)
    w.set_storage(FileStorage(tmp_path))
    w.set_prefect_flow_options({"retries": retries})
    state = w.flow(return_state=True)
    assert tries == [tries[0]] * (retries + 1)
    if retries == 2:
        assert state.result() == [tries[0]] * 2
        assert states(w) == {"first": "loaded", "second": "executed"}
    else:
        assert "node 'second'" in temporary_server.flow_runs(name)[0]["state"]["message"]


def test_a_node_that_takes_too_long_fails(temporary_server, name):
    @workflow
    async def sleep():
        import asyncio

        for _ in range(200):
            await asyncio.sleep(0.05)

    w = PrefectWorkflow(sleep().set_name("slow"), workflow_name=name)
    w.query().set_task_args({"timeout_seconds": 0.2})
    with pytest.raises(TimeoutError) as caught:
        w.run()
    assert "'slow'" in "".join(caught.value.__notes__)
    (run,) = temporary_server.flow_runs(name)
    assert temporary_server.states(run["id"], 1) == {"slow": "TimedOut"}


def test_a_template_of_task_run_names_knows_the_users_arguments(temporary_server, name):
    w = PrefectWorkflow(show(3, size=keep(4)).set_name("node"), workflow_name=name)
    w.query("node").set_task_args({"task_run_name": "{seed} by {size}"})
    run_id = str(w.flow(return_state=True).state_details.flow_run_id)
    assert "3 by 4" in temporary_server.task_runs(run_id, 2)


@pytest.mark.parametrize("level", ["node", "flow"])
def test_what_nodes_print_and_log_reaches_prefect(temporary_server, name, level, capsys):
    w = PrefectWorkflow(say(f"a {name}"), say(f"b {name}"), workflow_name=name)
    if level == "node":
        w.query().set_task_args({"log_prints": True})
    else:
        w.set_prefect_flow_options({"log_prints": True})
    run_id = str(w.flow(return_state=True).state_details.flow_run_id)
    wanted = sorted(f"{how} {which} {name}" for how in ("logged", "printed") for which in "ab")
    for message in wanted:
        messages = temporary_server.logs(run_id, message)
    said = [message for message in messages if message.startswith(("logged", "printed"))]
    assert sorted(said) == wanted


def test_what_nodes_print_stays_here_otherwise(name, capsys):
    PrefectWorkflow(say(name), workflow_name=name).run()
    assert f"printed {name}" in capsys.readouterr().out
