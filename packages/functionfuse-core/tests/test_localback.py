"""LocalWorkflow: the conformance suite, and what is special to running in this process."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
import weakref
from dataclasses import dataclass
from typing import ClassVar

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.errors import ChangedNodesWarning, DamagedResultWarning
from functionfuse.storage.filestorage import FileKeeper, FileStorage
from functionfuse.testing import Backend, BackendTests
from functionfuse.testing.functions import Account
from functionfuse.testing.reuse_tests import NAME, damage_result


class TestLocalWorkflow(BackendTests):
    @pytest.fixture
    def backend(self):
        return Backend(LocalWorkflow)


@pytest.fixture
def storage(tmp_path):
    return FileStorage(tmp_path)


class Tracked:
    """A result whose life is watched."""

    alive: ClassVar[weakref.WeakSet[Tracked]] = weakref.WeakSet()
    most = 0

    def __init__(self):
        Tracked.alive.add(self)
        Tracked.most = max(Tracked.most, len(Tracked.alive))

    @classmethod
    def reset(cls):
        cls.alive.clear()
        cls.most = 0


@workflow
def make_tracked(*inputs):
    return Tracked()


@workflow
def count(inputs):
    return len(inputs)


@workflow
def one(value):
    return 1


def test_a_result_is_dropped_when_its_last_consumer_is_done():
    """Chains are run one by one, and each keeps one result and the one made from it.

    t ─► t ─► t ─► one ─┐
    t ─► t ─► t ─► one ─┴─► count
    """
    Tracked.reset()
    ends = [one(make_tracked(make_tracked(make_tracked(i)))) for i in range(20)]
    assert LocalWorkflow(count(ends), workflow_name="w").run() == 20
    assert Tracked.most == 2
    assert len(Tracked.alive) == 0


def test_results_that_nothing_takes_are_dropped_at_once():
    Tracked.reset()
    root = one(0)
    for _ in range(10):
        make_tracked(root)
    assert LocalWorkflow(one(root), workflow_name="w").run() == 1
    assert Tracked.most == 1


def test_given_results_are_kept():
    Tracked.reset()
    nodes = [make_tracked(i) for i in range(5)]
    results = LocalWorkflow(*nodes, workflow_name="w").run()
    assert len(set(map(id, results))) == len(Tracked.alive) == 5


def test_a_run_keeps_no_results():
    Tracked.reset()
    w = LocalWorkflow(make_tracked(), workflow_name="w")
    w.run()
    assert len(Tracked.alive) == 0


def test_nodes_run_depth_first_in_the_order_written():
    """Two chains of two; the order of execution is that of reading."""
    order = []
    note = workflow(lambda name, *inputs: order.append(name))
    root = note("root")
    b = note("b", note("a", root))
    d = note("d", note("c", root))
    LocalWorkflow(note("end", b, d), workflow_name="w").run()
    assert order == ["root", "a", "b", "c", "d", "end"]


def test_serial_runs_start_no_thread():
    threads = workflow(lambda: {thread.name for thread in threading.enumerate()})()
    before = {thread.name for thread in threading.enumerate()}
    assert LocalWorkflow(threads, workflow_name="w").run() == before


def test_async_nodes_run_where_a_loop_is_running_already():
    @workflow
    async def loop_of(*inputs):
        await asyncio.sleep(0)
        return id(asyncio.get_running_loop()), threading.get_ident()

    async def notebook_cell():
        first = loop_of()
        return LocalWorkflow(first, loop_of(first), workflow_name="w").run()

    (loop, thread), second = asyncio.run(notebook_cell())
    assert (loop, thread) == second
    assert thread != threading.get_ident()


def test_async_nodes_of_a_run_share_one_loop_of_this_thread():
    @workflow
    async def loop_of(*inputs):
        return id(asyncio.get_running_loop()), threading.get_ident()

    first = loop_of()
    results = LocalWorkflow(first, loop_of(first), workflow_name="w").run()
    assert results[0] == results[1]
    assert results[0][1] == threading.get_ident()


def test_what_an_async_node_left_running_is_ended():
    ended = []

    async def linger():
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)

    @workflow
    async def spawn():
        task = asyncio.get_running_loop().create_task(linger())
        await asyncio.sleep(0)
        return task.done()

    assert LocalWorkflow(spawn(), workflow_name="w").run() is False
    assert ended == [True]


def test_a_keyboard_interrupt_leaves_the_storage_good(tmp_path):
    """first ─► interrupted ─► last; the second run goes on after the first node."""
    storage = FileStorage(tmp_path)
    calls, interrupted = [], ["interrupted"]

    def build():
        @workflow
        def step(name, *inputs):
            calls.append(name)
            if name in interrupted:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(10)
            return name

        first = step("first").set_name("first")
        middle = step("interrupted", first).set_name("interrupted")
        w = LocalWorkflow(step("last", middle).set_name("last"), workflow_name="w")
        w.set_storage(storage)
        return w

    w = build()
    with pytest.raises(KeyboardInterrupt) as caught:
        w.run()
    assert any("'interrupted'" in note for note in caught.value.__notes__)
    assert w.last_run["interrupted"].state == "pending"
    assert w.last_run.ending == "interrupted"
    assert storage.list_saved("w").is_indexed
    calls.clear()
    interrupted.clear()
    assert build().run() == "last"
    assert calls == ["interrupted", "last"]


def test_results_that_are_saved_are_loaded_where_nothing_can_be_written(storage, monkeypatch):
    def refuse(*_):
        raise PermissionError("read-only")

    def build():
        w = LocalWorkflow(workflow(len)("four").set_name("length"), workflow_name="w")
        w.set_storage(storage)
        return w

    build().run()
    for method in ("prepare", "write"):
        monkeypatch.setattr(FileKeeper, method, refuse)
    assert build().run() == 4
    with pytest.raises(PermissionError):
        build().run(reuse="never")


def test_a_plan_that_changes_changes_what_is_skipped(storage):
    """a ─► b ─► c: the saved c is damaged, then b fails to load too: a, b execute again."""
    calls = []

    @workflow
    def step(name, parent=None):
        calls.append(name)
        if "stop" in calls and name == "b":
            raise ArithmeticError
        return name

    def build():
        b = step("b", step("a").set_name("a")).set_name("b")
        w = LocalWorkflow(step("c", b).set_name("c"), workflow_name=NAME)
        w.set_storage(storage)
        return w

    build().run()
    for name in "bc":
        damage_result(storage, name, "flipped")
    w = build()
    calls[:] = ["stop"]
    with pytest.warns(DamagedResultWarning), pytest.raises(ArithmeticError):
        w.run()
    states = {name: str(node.state) for name, node in w.last_run.items()}
    assert states == {"a": "loaded", "b": "failed", "c": "pending"}
    assert "its bytes were changed" in w.last_run["b"].reason


def test_what_a_failure_blocks_says_so():
    failing = workflow(lambda: 1 / 0)()
    w = LocalWorkflow(workflow(abs)(failing).set_name("child"), workflow_name="w")
    with pytest.raises(ZeroDivisionError):
        w.run(on_error="continue")
    assert w.last_run["child"].reason == "a node above failed"


def test_a_workflow_that_never_ran_has_no_report(tmp_path):
    w = LocalWorkflow(workflow(abs)(1), workflow_name="w")
    with pytest.raises(ValueError, match="workflow 'w' has no report yet: it has not run"):
        w.to_html(tmp_path / "report.html")
    w.run()
    w.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").exists()


def test_a_read_only_place_fails_before_anything_runs(tmp_path):
    calls = []
    w = LocalWorkflow(workflow(calls.append)(1), workflow_name="w")
    (tmp_path / "w").write_text("a file where the workflow's folder would be")
    w.set_storage(FileStorage(tmp_path))
    with pytest.raises(OSError, match="can't write results under"):
        w.run()
    assert calls == []


def test_the_user_s_traceback_ends_in_the_user_s_line():
    def broken(x):
        return 1 / x

    with pytest.raises(ZeroDivisionError) as caught:
        LocalWorkflow(workflow(broken)(0), workflow_name="w").run()
    assert caught.traceback[-1].name == "broken"


def test_a_query_that_matches_nothing_warns():
    w = LocalWorkflow(one(1), workflow_name="w")
    with pytest.warns(UserWarning, match="no node of workflow 'w'"):
        assert w.query("typo").nodes == []
    assert w.find_nodes("typo") == []


def test_a_bad_pattern_is_refused():
    w = LocalWorkflow(one(1), workflow_name="w")
    with pytest.raises(ValueError, match="regular expression"):
        w.find_nodes("(")


def test_graphs_are_values_that_threads_share():
    node = one(0)
    for _ in range(50):
        node = one(node)
    w = LocalWorkflow(node, workflow_name="w")
    results = []
    threads = [threading.Thread(target=lambda: results.append(w.run())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [1, 1, 1, 1]


def test_foreign_files_in_the_folder_are_nobody_s_business(tmp_path):
    w = LocalWorkflow(one(1).set_name("one"), workflow_name="w")
    w.set_storage(FileStorage(tmp_path))
    w.run()
    (tmp_path / "w" / "notes.txt").write_text("mine")
    assert w.run() == 1
    assert (tmp_path / "w" / "notes.txt").read_text() == "mine"


def test_a_name_given_later_is_for_later_workflows():
    node = one(1)
    w = LocalWorkflow(node, workflow_name="w")
    node.set_name("later")
    assert [name for name, _ in w.graph_traversal()] == ["one_0000"]
    assert [name for name, _ in LocalWorkflow(node, workflow_name="w").graph_traversal()] == [
        "later"
    ]


def test_a_construction_that_was_found_by_name_is_no_leaf():

    w = LocalWorkflow(Account(1).deposit(1), workflow_name="w")
    (construction,) = w.find_nodes("Account_0000")
    with pytest.raises(TypeError, match="instance"):
        LocalWorkflow(construction, workflow_name="w")


@workflow
def sized(values):
    return len(values)


def test_nodes_inside_a_set_are_the_same_in_every_order(tmp_path):
    """Where the nodes lie in memory decides the set's order, and nothing else may."""
    clutter = []
    for _ in range(5):
        clutter.append([object() for _ in range(len(clutter) * 7)])
        members = [one(i).set_name(f"one {i}") for i in range(5)]
        w = LocalWorkflow(sized(set(members)), workflow_name="w")
        w.set_storage(FileStorage(tmp_path))
        w.run()
        executed = w.last_run.counts()["executed"]
    assert executed == 0


def test_a_header_damaged_behind_the_index_s_back_does_not_end_the_run(tmp_path):
    def build(argument):
        w = LocalWorkflow(one(argument).set_name("one"), workflow_name="w")
        w.set_storage(FileStorage(tmp_path))
        return w

    build(1).run()
    path = tmp_path / "w" / "one"
    status, data = path.stat(), bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with (
        pytest.warns(ChangedNodesWarning, match="'one': damaged or gone"),
        pytest.warns(DamagedResultWarning, match="executes again"),
    ):
        assert build(2).run() == 1


def test_a_result_that_was_replaced_since_the_plan_is_not_taken(tmp_path):
    """Another process saves the parent anew, from something else, while this one runs."""
    storage = FileStorage(tmp_path)

    @workflow
    def value(number):
        return number

    @workflow
    def intrude(x):
        other = LocalWorkflow(value(100).set_name("parent"), workflow_name="w")
        other.set_storage(storage)
        other.run(reuse="never")
        return x

    def build(first):
        parent = value(1).set_name("parent")
        return LocalWorkflow(first, one(parent).set_name("child"), parent, workflow_name="w")

    w = build(one(0))
    w.set_storage(storage)
    w.run()
    storage.remove_task("w", "child")
    w = build(intrude(0))
    w.set_storage(storage)
    with pytest.warns(UserWarning, match="was replaced"):
        assert w.run()[-1] == 1


def test_a_frozen_exception_reaches_the_caller():
    @dataclass(frozen=True)
    class Frozen(Exception):
        code: int

    def broken():
        raise Frozen(7)

    with pytest.raises(Frozen) as caught:
        LocalWorkflow(workflow(broken)(), workflow_name="w").run()
    assert "broken_0000" in caught.value.__notes__[0]


def test_a_wrong_policy_leaves_no_folder(tmp_path):
    w = LocalWorkflow(one(1), workflow_name="w")
    w.set_storage(FileStorage(tmp_path / "storage"))
    for options in ({"reuse": "x"}, {"on_error": "x"}):
        with pytest.raises(ValueError, match="got 'x'"):
            w.run(**options)
    assert not (tmp_path / "storage").exists()


class Unloadable:
    def __setstate__(self, state):
        raise LookupError("no way back")


def test_a_load_that_fails_blocks_what_needs_it_and_no_more(tmp_path):
    """a (saved, but can't be unpickled) ─► b, and c beside them."""
    storage = FileStorage(tmp_path)
    value = Unloadable()
    value.content = 1
    storage.save("w", "a", value)
    nodes = one(one(0).set_name("a")).set_name("b"), one(1).set_name("c")
    w = LocalWorkflow(*nodes, workflow_name="w")
    w.set_storage(storage)
    with pytest.raises(LookupError, match="no way back") as caught:
        w.run(on_error="continue")
    assert "'a'" in caught.value.__notes__[0]
    assert {name: str(run.state) for name, run in w.last_run.items()} == {
        "a": "failed",
        "b": "pending",
        "c": "executed",
    }
