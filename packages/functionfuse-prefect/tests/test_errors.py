"""How failures show in Prefect and reach the caller."""

from __future__ import annotations

import os
import signal
import threading
import traceback

import pytest

from functionfuse import workflow
from functionfuse.errors import DamagedResultWarning, notes
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import require
from functionfuse.testing.functions import CustomError, add, fail, keep, token
from functionfuse.testing.graph_tests import states
from functionfuse.testing.reuse_tests import damage_result

require("prefect")

from functionfuse.backends.addons.prefectback import PrefectWorkflow  # noqa: E402

pytestmark = pytest.mark.usefixtures("temporary_server")


@workflow
def leave(*inputs):
    raise SystemExit(3)


@workflow
def interrupt(*inputs):
    os.kill(os.getpid(), signal.SIGINT)
    return threading.Event().wait(0.5)


def test_the_error_is_the_nodes_own_and_the_flow_run_says_which(temporary_server, name):
    below = keep(fail(keep(1)).set_name("broken")).set_name("below")
    w = PrefectWorkflow(below, token().set_name("apart"), workflow_name=name)
    with pytest.raises(CustomError) as caught:
        w.run()
    assert caught.value.code == 1
    assert any("'broken'" in note and repr(name) in note for note in notes(caught.value))
    shown = "".join(traceback.format_exception(caught.value))
    assert 'raise CustomError(len(inputs), "on purpose")' in shown
    (run,) = temporary_server.flow_runs(name)
    assert run["state_name"] == "Failed"
    message = run["state"]["message"]
    assert f"node 'broken' of workflow {name!r} failed" in message
    assert "CustomError: (1, 'on purpose')" in message


def test_the_flow_raises_the_same_error(name):
    w = PrefectWorkflow(fail().set_name("broken"), workflow_name=name)
    with pytest.raises(CustomError) as caught:
        w.flow()
    assert any("'broken'" in note for note in notes(caught.value))
    state = w.flow(return_state=True)
    assert state.is_failed()
    assert isinstance(state.result(raise_on_failure=False), CustomError)


def test_states_of_what_did_not_fail_are_shown(temporary_server, name):
    """Of two branches the broken one ends, and the other is finished.

    root ─► broken ─► below
      └───► sound
    """
    root = keep(1).set_name("root")
    below = keep(fail(root).set_name("broken")).set_name("below")
    w = PrefectWorkflow(below, keep(root).set_name("sound"), workflow_name=name)
    with pytest.raises(CustomError):
        w.run(on_error="continue")
    (run,) = temporary_server.flow_runs(name)
    shown = {"root": "Completed", "broken": "Failed", "sound": "Completed"}
    assert temporary_server.states(run["id"], 3) == shown


def test_several_failures_are_listed(temporary_server, name):
    nodes = [fail(*range(i)).set_name(f"broken {i}") for i in range(3)]
    with pytest.raises(CustomError):
        PrefectWorkflow(*nodes, workflow_name=name).run(on_error="continue")
    message = temporary_server.flow_runs(name)[0]["state"]["message"]
    assert all(f"'broken {i}'" in message for i in range(3))


def test_a_node_that_leaves_the_program_is_named(temporary_server, name):
    w = PrefectWorkflow(keep(leave().set_name("leaver")), workflow_name=name)
    with pytest.raises(SystemExit) as caught:
        w.run()
    assert caught.value.code == 3
    assert any("'leaver'" in note for note in notes(caught.value))
    assert temporary_server.flow_runs(name)[0]["state_name"] == "Crashed"
    assert states(w)["leaver"] == "failed"


def test_control_c_ends_the_run_and_what_is_saved_stays(temporary_server, name, tmp_path):
    before = token().set_name("before")
    after = keep(interrupt(before).set_name("interrupted")).set_name("after")
    w = PrefectWorkflow(after, workflow_name=name)
    w.set_storage(FileStorage(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        w.run()
    assert "before" in w.storage.list_tasks(name, "*")
    assert "after" not in w.storage.list_tasks(name, "*")
    assert temporary_server.flow_runs(name)[0]["state_name"] == "Crashed"
    again = PrefectWorkflow(before, workflow_name=name)
    again.set_storage(w.storage)
    again.run()
    assert states(again)["before"] == "loaded"


def test_a_flow_that_takes_too_long_is_timed_out(temporary_server, name):
    w = PrefectWorkflow(interruptible().set_name("node"), workflow_name=name)
    w.set_prefect_flow_options({"timeout_seconds": 0.5})
    with pytest.raises(TimeoutError):
        w.run()
    assert temporary_server.flow_runs(name)[0]["state_name"] == "TimedOut"


@workflow
def interruptible():
    return threading.Event().wait(2)


def test_a_damaged_result_is_computed_again(temporary_server, name, tmp_path):
    """a (skipped, until b turns out damaged) ─► b ─► c (removed)."""
    a = keep(4).set_name("a")
    b = add(a, 1).set_name("b")
    w = PrefectWorkflow(add(b, 1).set_name("c"), workflow_name="conformance")
    w.set_storage(FileStorage(tmp_path))
    w.set_prefect_flow_options({"name": name})
    w.run()
    w.storage.remove_task("conformance", "c")
    damage_result(w.storage, "b", "flipped")
    with pytest.warns(DamagedResultWarning, match="'b'"):
        assert w.run() == 6
    assert temporary_server.flow_runs(name)[0]["state_name"] == "Completed"


def test_a_retried_node_does_not_end_the_run(name, tmp_path):
    """Results are saved by the try that succeeds."""
    path = tmp_path / "tries"

    @workflow
    def fail_once():
        path.write_text("tried" if not path.exists() else "again")
        if path.read_text() == "tried":
            raise CustomError(1, "first try")
        return "done"

    w = PrefectWorkflow(fail_once().set_name("node"), workflow_name=name)
    w.set_storage(FileStorage(tmp_path / "storage"))
    w.query().set_task_args({"retries": 1})
    assert w.run() == w.storage.read_task(name, "node") == "done"
