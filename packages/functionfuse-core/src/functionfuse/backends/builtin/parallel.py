"""Running a plan's steps with an executor, each as soon as what it needs is there.

No more are submitted than keep the workers busy, so that few results are alive.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from time import perf_counter
from typing import Any

from functionfuse.errors import WorkersLostError, add_note
from functionfuse.pickling import find_all_unpicklable, named_arguments
from functionfuse.plan import Action
from functionfuse.run import Run
from functionfuse.saved import Replan
from functionfuse.schedule import Frontier
from functionfuse.worker import NodeCall, Outcome, run_node

__all__ = ["run_in_executor"]


def run_in_executor(run: Run, executor: Executor, max_pending: int | None = None) -> list[Any]:
    """Take the plan's steps and return the results that are left.

    Parameters
    ----------
    run
        The run, with its plan.
    executor
        Runs the nodes; calls on instances run in one thread of this process.
    max_pending
        How many nodes are submitted to the executor and unfinished at most; by default as
        many as it has workers.
    """
    with _calls_thread(run) as calls:
        return _Scheduler(run, executor, calls, max_pending or _worker_count(executor)).run()


@contextmanager
def _calls_thread(run: Run) -> Iterator[Executor | None]:
    """Give a thread for stateful nodes, whose instances stay in this process."""
    if not run.graph.instances:
        yield None
        return
    with ThreadPoolExecutor(1, "functionfuse-instances") as executor:
        yield executor


def _worker_count(executor: Executor) -> int:
    count = getattr(executor, "_max_workers", None)
    return count if isinstance(count, int) else os.cpu_count() or 1


class _Scheduler:
    """One run of a plan with an executor."""

    def __init__(
        self, run: Run, executor: Executor, calls: Executor | None, max_pending: int
    ) -> None:
        self._run = run
        self._executor = executor
        self._calls = calls
        self._max_pending = max_pending
        self._results: list[Any] = [None] * len(run.graph)
        self._frontier = Frontier(run.plan)
        self._pending: dict[Future[Outcome], int] = {}
        self._done: SimpleQueue[Future[Outcome]] = SimpleQueue()
        self._calls_pending = 0
        self._error: BaseException | None = None
        self._loss: BaseException | None = None
        self._lost: list[int] = []
        self._loads = {
            position
            for position, action in zip(run.plan.order, run.plan.step_actions, strict=True)
            if action is Action.LOAD
        }

    def run(self) -> list[Any]:
        """Submit and collect until all is done, or something failed and the rest ended."""
        try:
            while self._pending or (self._frontier and self._error is None):
                while self._frontier and self._error is None and self._has_room():
                    self._submit(self._frontier.pop())
                if self._pending:
                    self._collect(self._done.get())
        finally:
            for future in self._pending:
                future.cancel()
        if self._error is not None:
            if self._error is self._loss:
                raise self._lost_error() from self._loss
            raise self._error
        for position in self._loads & self._run.plan.returned:
            self._load(position)
        return self._results

    def _has_room(self) -> bool:
        return len(self._pending) - self._calls_pending < self._max_pending

    def _submit(self, step: int) -> None:
        run, position = self._run, self._run.plan.order[step]
        try:
            for parent in self._loads.intersection(run.graph.parents[position]):
                self._load(parent)
        except Exception as error:  # A load fails as it likes, or asks for another plan.
            self._stop(error)
            return
        if run.blocked and run.is_blocked(position):
            self._complete(step)
        else:
            values = [self._results[parent] for parent in run.graph.parents[position]]
            self._hand_over(step, run.call(step, values))

    def _hand_over(self, step: int, call: NodeCall) -> None:
        position = self._run.plan.order[step]
        is_on_instance = position in self._run.graph.instances and self._calls is not None
        executor = self._calls if is_on_instance else self._executor
        try:
            future = executor.submit(run_node, call, os.getpid())  # type: ignore[union-attr]
        except RuntimeError as error:  # It is shut down or broken.
            self._lose(position, error)
        except Exception as error:  # It pickles at once, and can't.
            self._take_down_loss(position, error)
            self._complete(step)
        else:
            self._pending[future] = step
            if self._run.plan.step_actions[step] is Action.EXECUTE:
                self._run.start_elsewhere(position)
            self._calls_pending += is_on_instance
            future.add_done_callback(self._done.put)

    def _load(self, position: int) -> None:
        self._results[position] = self._run.load(position)
        self._loads.remove(position)

    def _collect(self, future: Future[Outcome]) -> None:
        step = self._pending.pop(future)
        position = self._run.plan.order[step]
        self._calls_pending -= position in self._run.graph.instances
        if future.cancelled():
            self._lose(position, CancelledError("it was cancelled"))
            return
        failure = future.exception()
        if failure is not None:
            self._take_down_loss(position, failure)
            self._complete(step)
            return
        outcome = future.result()
        if outcome.error is not None:
            if self._run.fail_elsewhere(position, outcome):
                self._stop(outcome.error)
        elif self._run.plan.step_actions[step] is Action.EXECUTE:
            self._run.finish_elsewhere(position, outcome)
            if position in self._frontier.needs:
                self._results[position] = outcome.value
        self._complete(step)

    def _stop(self, error: BaseException) -> None:
        """Submit nothing more; the first error is raised when all that runs has ended."""
        if self._error is None or isinstance(self._error, Replan):
            self._error = error

    def _lose(self, position: int, loss: BaseException) -> None:
        """Take down a node that the executor lost, and why."""
        self._lost.append(position)
        self._loss = self._loss or loss
        self._stop(loss)

    def _take_down_loss(self, position: int, failure: BaseException) -> None:
        """Tell a worker's death from what could not travel to a worker or back."""
        if isinstance(failure, BrokenExecutor):
            self._lose(position, failure)
            return
        add_note(failure, self._why_it_cannot_travel(position))
        if self._run.fail(position, failure, perf_counter()):
            self._stop(failure)

    def _why_it_cannot_travel(self, position: int) -> str:
        node = self._run.graph.nodes[position]
        parts = {"its function": node.function.func, **named_arguments(node.args, node.kwargs)}
        for parent in self._run.graph.parents[position]:
            parts[f"the result of {self._run.graph.names[parent]!r}"] = self._results[parent]
        reasons = "; ".join(find_all_unpicklable(parts))
        if reasons:
            return f"it can't be sent to another process: {reasons}"
        return "its function ran, but what it returned can't be sent back from another process"

    def _lost_error(self) -> WorkersLostError:
        names = ", ".join(repr(self._run.graph.names[position]) for position in self._lost)
        msg = (
            f"{type(self._executor).__name__} lost a worker or takes no more work "
            f"({self._loss}); these nodes did not finish: {names}; give set_executor a new "
            "executor and run again: what was saved is loaded"
        )
        return WorkersLostError(msg)

    def _complete(self, step: int) -> None:
        for position in self._frontier.complete(step):
            self._results[position] = None
