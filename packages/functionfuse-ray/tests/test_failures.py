"""What fails on Ray: how it is told, what is ended, and what is kept."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
import traceback

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.rayback import RayWorkflow
from functionfuse.errors import NodeError, notes
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing.functions import CustomError, fail, keep, make_unpicklable, table, token
from functionfuse.testing.graph_tests import states

pytestmark = pytest.mark.usefixtures("ray")

NAME = "failures"
IN_SECONDS_S = 30.0
LONG_S = 300


class TwoArgumentsError(Exception):
    """An exception that can't be rebuilt from its message."""

    def __init__(self, code, reason):
        super().__init__(f"{code}: {reason}")


class OddError(BaseException):
    """No `Exception`."""


RAISES = {
    "two arguments": lambda: TwoArgumentsError(7, "seven"),
    "lock": lambda: ValueError(threading.Lock()),
    "odd": lambda: OddError("odd"),
    "cancelled": lambda: asyncio.CancelledError("by the node"),
    "large": lambda: ValueError("x" * 1_000_000),
    "stop": lambda: StopIteration("stopped"),
}


@workflow
def boom(kind):
    raise RAISES[kind]()


@workflow
def leave():
    sys.exit(3)


@workflow
def sleep(seconds, started=None):
    if started is not None:
        started.touch()
    time.sleep(seconds)


@workflow
def hang(started):
    """Ignore that it is cancelled."""
    started.touch()
    end = time.monotonic() + LONG_S
    while time.monotonic() < end:
        try:
            time.sleep(1)
        except KeyboardInterrupt:  # Ray's way to cancel.
            continue


@workflow
def fail_after(*paths):
    """Fail as soon as there are some files."""
    while not all(path.exists() for path in paths):
        time.sleep(0.05)
    raise CustomError(1, "on purpose")


class FullStorage(FileStorage):
    """A storage whose disk is full for some results."""

    def save(self, workflow_name, task_name, obj, **options):
        if task_name == "large":
            raise OSError(28, "No space left on device")
        return super().save(workflow_name, task_name, obj, **options)


def make(*nodes, storage=None):
    w = RayWorkflow(*nodes, workflow_name=NAME)
    if storage is not None:
        w.set_storage(storage)
    return w


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("two arguments", NodeError, "TwoArgumentsError: 7: seven"),
        ("lock", NodeError, "ValueError: <unlocked _thread.lock"),
        ("odd", OddError, "odd"),
        ("cancelled", asyncio.CancelledError, "by the node"),
        ("large", ValueError, "xxx"),
        ("stop", StopIteration, "stopped"),
    ],
)
def test_any_exception_arrives_naming_the_node(kind, error, message):
    with pytest.raises(error, match=message) as caught:
        make(keep(boom(kind).set_name("broken"))).run()
    assert type(caught.value) is error
    assert any("'broken'" in note for note in notes(caught.value))


@pytest.mark.parametrize("node", [boom("two arguments"), fail(1)], ids=["NodeError", "own type"])
def test_the_users_traceback_is_shown(node):
    with pytest.raises(Exception) as caught:  # noqa: PT011  its type is tested above
        make(node).run()
    text = "".join(traceback.format_exception(caught.value))
    assert ("raise RAISES[kind]()" in text) or ('raise CustomError(len(inputs), "on' in text)
    assert "\x1b" not in text


def test_leaving_python_in_a_node_is_an_error_naming_it():
    with pytest.raises(NodeError, match=r"sys\.exit\(3\)") as caught:
        make(leave().set_name("left")).run()
    assert any("'left'" in note for note in notes(caught.value))


def test_an_argument_that_cannot_be_pickled_is_named():
    node = keep([1, {"lock": threading.Lock()}]).set_name("locked")
    with pytest.raises(TypeError, match="pickle") as caught:
        make(node).run()
    text = "\n".join(notes(caught.value))
    assert "argument 0[1]['lock'] of type lock" in text
    assert "'locked'" in text


def test_a_function_that_cannot_be_pickled_is_named():
    lock = threading.Lock()
    node = workflow(lambda: lock)().set_name("locked")
    with pytest.raises(TypeError, match="serialize") as caught:
        make(node).run()
    text = "\n".join(notes(caught.value))
    assert "its function holds what can't be pickled" in text
    assert "'locked'" in text


def test_a_result_that_cannot_be_pickled_is_told_from_a_failure():
    with pytest.raises(TypeError, match="pickle") as caught:
        make(keep(make_unpicklable(1).set_name("locked"))).run()
    text = "\n".join(notes(caught.value))
    assert "its function ran, but what it returned can't be sent" in text
    assert "'locked'" in text


def test_a_failure_ends_running_nodes_and_keeps_what_was_saved(tmp_path):
    """One node sleeps, one refuses to end, many wait for a CPU; then one fails.

    kept ─► sleep, hang, sleep x 50, fail_after
    """
    storage = FileStorage(tmp_path / "results")
    started = [tmp_path / "sleeps", tmp_path / "hangs"]
    w = make(
        token().set_name("kept"),
        keep(sleep(LONG_S, started[0]).set_name("sleeping")),
        hang(started[1]).set_name("hanging"),
        *(sleep(LONG_S).set_name(f"waiting {i}") for i in range(50)),
        fail_after(*started).set_name("failing"),
        storage=storage,
    )
    w.query("hanging|failing|kept").set_remote_args({"num_cpus": 0})
    start = time.monotonic()
    with pytest.raises(CustomError):
        w.run()
    assert time.monotonic() - start < IN_SECONDS_S
    assert storage.list_tasks(NAME, "*") == ["kept"]
    assert states(w)["failing"] == "failed"
    assert states(w)["sleeping"] == states(w)["hanging"] == "pending"
    assert make(keep("free again")).run(return_results=True) == "free again"


def test_failures_among_short_nodes_do_not_end_the_process(tmp_path):
    """Ray aborts the driver if a task is cancelled at the moment of its end.

    broken ─► keep x 20 ─► table, and beside it sleep x 100 of a few milliseconds
    """
    for _ in range(10):
        broken = fail()
        below = table(**{f"k{i}": keep(broken) for i in range(20)})
        with pytest.raises(CustomError):
            make(below, *(sleep(i / 10_000) for i in range(100))).run()


def test_interrupting_the_driver_ends_what_runs(tmp_path):
    started = tmp_path / "started"
    w = make(keep(1), sleep(LONG_S, started).set_name("sleeping"))

    def interrupt():
        while not started.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), 2)

    threading.Thread(target=interrupt).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        w.run()
    nodes = [keep(i) for i in range(4)]
    assert make(*nodes).run(return_results=True) == [0, 1, 2, 3]
    assert time.monotonic() - start < IN_SECONDS_S


def test_a_result_that_cannot_be_saved_is_an_error_naming_its_node(tmp_path):
    storage = FullStorage(tmp_path)
    w = make(token().set_name("small"), keep(token().set_name("large")), storage=storage)
    with pytest.raises(OSError, match="No space left") as caught:
        w.run()
    assert any("'large'" in note for note in notes(caught.value))
    assert "large" not in storage.list_tasks(NAME, "*")


def test_going_on_after_a_save_failed(tmp_path):
    w = make(
        token().set_name("small"), keep(token().set_name("large")), storage=FullStorage(tmp_path)
    )
    with pytest.raises(OSError, match="No space left"):
        w.run(on_error="continue")
    assert states(w)["small"] == "executed"
    assert states(w)["large"] == "failed"


def test_failures_are_told_once(caplog, capfd, ray):
    """Ray would log the error of each result that nobody looked at."""
    with caplog.at_level(logging.INFO):
        broken = [fail(i) for i in range(3)]
        for options in ({}, {"on_error": "continue"}):
            with pytest.raises(CustomError):
                make(*broken, keep(broken[0])).run(**options)
        make(keep(1)).run()
    assert "Unhandled" not in caplog.text + "".join(capfd.readouterr())
    assert "RAY_IGNORE_UNHANDLED_ERRORS" not in os.environ
