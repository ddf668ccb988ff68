"""LocalWorkflow with executors: the conformance suite on each, and what only they do."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import re
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.backends.plugins import RandomStatePlugin
from functionfuse.errors import NodeError, WorkersLostError
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import Backend, BackendTests, require
from functionfuse.testing.functions import Account, CustomError, add, fail, keep, token, total


class ExecutorBackend(Backend):
    def __init__(self, executor, **capabilities):
        super().__init__(LocalWorkflow, **capabilities)
        self.executor = executor

    def make(self, *nodes, workflow_name="conformance"):
        w = super().make(*nodes, workflow_name=workflow_name)
        w.set_executor(self.executor)
        return w


class TestThreads(BackendTests):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls):
        with ThreadPoolExecutor(2) as executor:
            yield ExecutorBackend(executor)


class TestProcesses(BackendTests):
    @pytest.fixture(scope="class", params=["fork", "spawn"])
    @classmethod
    def backend(cls, request):
        context = multiprocessing.get_context(request.param)
        with ProcessPoolExecutor(2, context) as executor:
            yield ExecutorBackend(executor, closures=False, shares_memory=False)


class TestLoky(BackendTests):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls):
        loky = require("loky")
        executor = loky.ProcessPoolExecutor(2)
        yield ExecutorBackend(executor, shares_memory=False)
        executor.shutdown(wait=True, kill_workers=True)


class TestExecutorlib(BackendTests):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls):
        executorlib = require("executorlib")
        with executorlib.SingleNodeExecutor(max_workers=2, block_allocation=True) as executor:
            yield ExecutorBackend(executor, shares_memory=False)


@workflow
def where():
    time.sleep(0.02)
    return os.getpid(), threading.get_ident()


@workflow
def rendezvous(path, me, other):
    """Wait until the other node runs, too."""
    (path / me).touch()
    deadline = time.monotonic() + 30
    while not (path / other).exists():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.005)
    return me


@workflow
def die(*inputs):
    os.kill(os.getpid(), signal.SIGKILL)


@workflow
def sleep(seconds):
    time.sleep(seconds)
    return seconds


class TwoArguments(Exception):
    def __init__(self, first, second):
        super().__init__(first)


@workflow
def raise_unportable():
    message = "first"
    raise TwoArguments(message, "second")


@workflow
class Here:
    def where(self, *inputs):
        return os.getpid(), threading.get_ident()


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def processes():
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        yield executor


def parallel(*nodes, executor, storage=None, **options):
    w = LocalWorkflow(*nodes, workflow_name="w")
    w.set_executor(executor, **options)
    if storage is not None:
        w.set_storage(storage)
    return w


def test_independent_nodes_run_at_once(tmp_path, threads):
    nodes = rendezvous(tmp_path, "a", "b"), rendezvous(tmp_path, "b", "a")
    assert parallel(*nodes, executor=threads).run() == ["a", "b"]


def test_a_result_is_saved_in_the_process_that_made_it(tmp_path, processes):
    storage = FileStorage(tmp_path)
    node = where().set_name("where")
    w = parallel(node, executor=processes, storage=storage)
    pid, _ = w.run()
    assert pid != os.getpid()
    assert storage.read_task("w", "where")[0] == pid


def test_stateful_nodes_stay_in_the_parent_process(processes):
    here = Here()
    first = here.where()
    results = parallel(first, here.where(where()), executor=processes).run()
    assert results[0] == results[1]
    assert results[0][0] == os.getpid()


def test_no_more_nodes_are_submitted_than_keep_the_workers_busy(threads):
    """Chains are finished before others begin: as many are under way as there are workers."""
    started, most = set(), []

    @workflow
    def first(chain):
        started.add(chain)
        most.append(len(started))
        return chain

    @workflow
    def last(chain):
        started.discard(chain)
        return 1

    ends = [last(keep(keep(first(i)))) for i in range(40)]
    assert parallel(total(ends), executor=threads).run() == 40
    assert max(most) <= 2


def test_max_pending_bounds_what_is_submitted():
    submitted, most = [], []

    class Counting(ThreadPoolExecutor):
        def submit(self, *args, **kwargs):
            future = super().submit(*args, **kwargs)
            submitted.append(future)
            most.append(sum(not f.done() for f in submitted))
            return future

    with Counting(8) as executor:
        nodes = [sleep(0.001) for _ in range(30)]
        parallel(*nodes, executor=executor, max_pending=2).run()
    assert max(most) <= 2


def test_running_nodes_finish_and_are_saved_after_a_failure(tmp_path, threads):
    storage = FileStorage(tmp_path)
    slow = sleep(0.2).set_name("slow")
    later = keep(slow).set_name("later")
    w = parallel(fail().set_name("broken"), later, executor=threads, storage=storage)
    with pytest.raises(CustomError):
        w.run()
    assert storage.list_tasks("w", "*") == ["slow"]
    assert w.last_run["later"].state == "pending"


def test_the_traceback_of_another_process_is_shown(processes):
    with pytest.raises(CustomError) as caught:
        parallel(fail(), executor=processes).run()
    assert "in fail" in str(caught.value.__cause__)
    assert "on purpose" in str(caught.value.__cause__)


def test_an_exception_that_cannot_travel_becomes_a_node_error(processes):
    node = raise_unportable().set_name("unportable")
    with pytest.raises(NodeError, match=r"TwoArguments: first") as caught:
        parallel(node, executor=processes).run()
    assert "in raise_unportable" in str(caught.value.__cause__)
    assert any("'unportable'" in note for note in caught.value.__notes__)


def test_nodes_lost_with_a_killed_worker_are_named_and_the_rest_is_saved(tmp_path, processes):
    storage = FileStorage(tmp_path)
    saved = token().set_name("saved")
    w = parallel(die(saved).set_name("deadly"), executor=processes, storage=storage)
    with pytest.raises(WorkersLostError, match="'deadly'"):
        w.run()
    assert storage.list_tasks("w", "*") == ["saved"]


def test_an_executor_that_is_shut_down_is_named(threads):
    threads.shutdown()
    with pytest.raises(WorkersLostError, match=r"ThreadPoolExecutor.*'idle'"):
        parallel(keep(1).set_name("idle"), executor=threads).run()


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: workflow(lambda: 1)(), "its function"),
        (lambda: keep({"deep": [threading.Lock()]}), r"argument 0\['deep'\]\[0\] of type lock"),
        (lambda: keep(value=threading.Lock()), "argument 'value' of type lock"),
    ],
    ids=["function", "nested argument", "keyword argument"],
)
def test_what_cannot_reach_another_process_is_named(processes, build, reason):
    w = parallel(build().set_name("stuck"), executor=processes)
    with pytest.raises(Exception, match=r"pickle|local object") as caught:
        w.run()
    notes = "\n".join(caught.value.__notes__)
    assert "'stuck'" in notes
    assert re.search(reason, notes)


def test_a_damaged_result_lets_running_nodes_finish_and_is_computed_again(tmp_path, threads):
    """a ─► b (damaged) ─► c (removed)."""
    storage = FileStorage(tmp_path)

    def build():
        c = add(add(keep(1).set_name("a"), 1).set_name("b"), 1).set_name("c")
        return parallel(c, sleep(0.05).set_name("slow"), executor=threads, storage=storage)

    build().run()
    for name in ("c", "slow"):
        storage.remove_task("w", name)
    (tmp_path / "w" / "b").write_bytes(b"")
    w = build()
    with pytest.warns(UserWarning, match="'b'"):
        assert w.run() == [3, 0.05]
    assert w.last_run["slow"].state == "executed"


def test_calls_wait_for_replayed_calls(tmp_path, threads):
    storage = FileStorage(tmp_path)

    def build():
        account = Account(0)
        first = account.deposit(1).set_name("first")
        second = account.deposit(first).set_name("second")
        return parallel(second, first, executor=threads, storage=storage)

    assert build().run() == [2, 1]
    storage.remove_task("w", "second")
    assert build().run() == [2, 1]


def test_serial_again_without_an_executor(threads):
    w = parallel(where(), executor=threads)
    assert w.run()[1] != threading.get_ident()
    w.set_executor(None)
    assert w.run()[1] == threading.get_ident()


@pytest.mark.parametrize("executor", [3, "threads", ThreadPoolExecutor], ids=repr)
def test_what_is_no_executor_is_refused(executor):
    with pytest.raises(TypeError, match=r"concurrent\.futures\.Executor"):
        LocalWorkflow(keep(1), workflow_name="w").set_executor(executor)


def test_max_pending_must_be_positive(threads):
    with pytest.raises(ValueError, match="max_pending"):
        LocalWorkflow(keep(1), workflow_name="w").set_executor(threads, max_pending=0)


def late(x):
    return x + 1


late = workflow(late)


def test_a_function_decorated_after_its_definition_reaches_other_processes(processes):
    assert parallel(late(late(1)), executor=processes).run() == 3


def test_nodes_that_were_cancelled_are_named():
    with ThreadPoolExecutor(1) as executor:
        nodes = sleep(0.3).set_name("running"), sleep(0.1).set_name("cancelled")
        w = parallel(*nodes, executor=executor)
        timer = threading.Timer(
            0.1, executor.shutdown, kwargs={"wait": False, "cancel_futures": True}
        )
        timer.start()
        with pytest.raises(WorkersLostError, match="'cancelled'"):
            w.run()
        timer.join()


def test_a_failure_while_a_run_is_planned_again_is_raised(tmp_path, threads):
    """b turns out damaged while the broken node runs; nothing starts after that."""
    storage = FileStorage(tmp_path)
    attempts = []

    @workflow
    def fail_slowly():
        attempts.append(1)
        time.sleep(0.1)
        raise CustomError(1, "on purpose")

    def build(last):
        c = add(add(keep(1).set_name("a"), 1).set_name("b"), 1).set_name("c")
        return parallel(last().set_name("broken"), c, executor=threads, storage=storage)

    build(lambda: keep(0)).run()
    for name in ("c", "broken"):
        storage.remove_task("w", name)
    (tmp_path / "w" / "b").write_bytes(b"")
    for on_error in ("raise", "continue"):
        with pytest.warns(UserWarning, match="'b'"), pytest.raises(CustomError):
            build(fail_slowly).run(on_error=on_error)
        assert len(attempts) == 1
        attempts.clear()
        for name in storage.list_tasks("w", "[bc]"):
            storage.remove_task("w", name)
        storage.save("w", "b", 2)
        (tmp_path / "w" / "b").write_bytes(b"")


class Unloadable:
    def __setstate__(self, state):
        raise RuntimeError("no way back")


def test_a_load_that_fails_is_no_lost_worker(tmp_path, threads):
    storage = FileStorage(tmp_path)
    value = Unloadable()
    value.content = 1
    storage.save("w", "a", value)
    w = parallel(keep(keep(1).set_name("a")), executor=threads, storage=storage)
    with pytest.raises(RuntimeError, match="no way back") as caught:
        w.run()
    assert any("'a'" in note for note in caught.value.__notes__)


class Picky(ThreadPoolExecutor):
    def submit(self, fn, call, *args):
        pickle.dumps(call)
        return super().submit(fn, call, *args)


def test_an_executor_that_pickles_at_once_is_told_from_a_lost_one():
    with Picky(1) as executor:
        w = parallel(keep(threading.Lock()).set_name("stuck"), keep(1), executor=executor)
        with pytest.raises(TypeError, match="pickle") as caught:
            w.run(on_error="continue")
    assert any("'stuck'" in note for note in caught.value.__notes__)
    assert w.last_run["keep_0000"].state == "executed"


@workflow
def draw_late(index):
    time.sleep(0.01)
    return random.random()


def test_threads_do_not_share_seeds(threads):
    nodes = [draw_late(i) for i in range(4)]
    results = []
    for executor in (None, threads):
        w = LocalWorkflow(*nodes, workflow_name="w")
        w.set_executor(executor)
        w.set_plugin(".*", RandomStatePlugin(0, 1000, 1, random.seed))
        results.append(w.run())
    assert results[0] == results[1]


def test_calls_on_instances_do_not_keep_the_workers_waiting(tmp_path, threads):
    """The calls fill one thread of this process; the two functions meet meanwhile."""
    calls = [Here().where() for _ in range(5)]
    nodes = rendezvous(tmp_path, "a", "b"), rendezvous(tmp_path, "b", "a")
    assert parallel(*calls, *nodes, executor=threads).run()[-2:] == ["a", "b"]
