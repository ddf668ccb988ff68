"""Submitting a plan's steps to Prefect, each as soon as what it needs is there.

A node that waited for another inside a task would hold one of the task runner's workers;
so it is submitted when its parents are done. A saved result waits for nothing, but is
submitted after its parents, so that Prefect can draw where it comes from.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor
from queue import SimpleQueue
from time import time
from typing import Any
from uuid import UUID

from prefect import Task
from prefect.client.schemas.objects import RunInput, TaskRunResult
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner
from prefect.utilities.annotations import opaque

from functionfuse.backends.addons.prefectback._options import task_options
from functionfuse.backends.addons.prefectback._tasks import (
    CACHED,
    Result,
    Spec,
    make_task,
)
from functionfuse.errors import WorkersLostError
from functionfuse.node import MethodCall
from functionfuse.plan import Action
from functionfuse.run import Run
from functionfuse.saved import LOSSES, Replan
from functionfuse.schedule import Frontier
from functionfuse.worker import NodeCall, outcome_of

__all__ = ["Scheduler"]


class Scheduler:
    """One run of a plan in a flow run.

    Parameters
    ----------
    run
        The run, with its plan.
    runner
        The flow run's task runner.
    task_args
        Options of Prefect for nodes, by position.
    defaults
        Options of Prefect for every node that is not given its own.
    max_pending
        How many nodes are submitted and unfinished at most.
    """

    def __init__(
        self,
        run: Run,
        runner: TaskRunner[Any],
        task_args: Mapping[int, Mapping[str, Any]],
        defaults: Mapping[str, Any],
        max_pending: int,
    ) -> None:
        self._run = run
        self._graph = run.graph
        self._order = run.plan.order
        self._actions = run.plan.step_actions
        self._runner = runner
        self._task_args = task_args
        self._defaults = defaults
        self._max_pending = max_pending
        self._frontier = Frontier(run.plan, with_loads=True)
        self._saved: deque[tuple[int, int | None]] = deque()
        """Saved results to submit, each with its step if it is to be loaded."""
        self._waiting: dict[int, list[tuple[int, int | None]]] = {}
        """Those that wait until a parent is submitted, by that parent."""
        self._run_ids: dict[int, UUID | None] = {}
        """Of what was submitted; None for a node that can't run."""
        self._futures: dict[int, PrefectFuture[Any]] = {}
        """Of results that are still needed."""
        self._latest: dict[int, PrefectFuture[Any]] = {}
        """The call before, on each instance."""
        self._pending: dict[PrefectFuture[Any], tuple[int, int | None]] = {}
        self._done: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
        self._tasks: dict[Any, Task[Any, Any]] = {}
        self._error: BaseException | None = None
        self._has_lost = False

    def run(self) -> list[Any]:
        """Run all steps; return the results that are to be returned, by position.

        Raises
        ------
        Replan
            If a saved result that a node needed is damaged or gone.
        Exception
            What a node raised.
        """
        actions = self._run.plan.actions
        self._saved.extend((p, None) for p in self._graph.order if actions[p] is Action.SKIP)
        while self._pending or self._has_next():
            while self._has_next() and len(self._pending) < self._max_pending:
                self._submit_next()
            if self._pending:
                self._collect(self._done.get())
        if self._error is not None:
            raise self._error
        if self._has_lost:
            raise Replan
        results: list[Any] = [None] * len(self._graph)
        for position in self._run.plan.returned & self._futures.keys():
            results[position] = self._futures[position].result(raise_on_failure=False).value
        return results

    def _has_next(self) -> bool:
        is_over = self._error is not None or self._has_lost
        return not is_over and bool(self._saved or self._frontier)

    def _submit_next(self) -> None:
        if self._saved:
            self._submit_saved(*self._saved.popleft())
            return
        step = self._frontier.pop()
        position, action = self._order[step], self._actions[step]
        if action is Action.LOAD:
            self._submit_saved(position, step)
        elif self._run.blocked and self._run.is_blocked(position):
            self._note_submitted(position, None)
            self._complete(step)
        else:
            self._submit_node(position, step)

    def _submit_saved(self, position: int, step: int | None) -> None:
        for parent in self._graph.parents[position]:
            if parent not in self._run_ids:
                self._waiting.setdefault(parent, []).append((position, step))
                return
        load = None if step is None else self._run.call(step, [])
        future = self._submit(position, step, load, [], is_saved=True)
        if step is not None:
            self._futures[position] = future

    def _submit_node(self, position: int, step: int) -> None:
        node = self._graph.nodes[position]
        is_executed = self._actions[step] is Action.EXECUTE
        parents = [self._futures.get(parent) for parent in self._graph.parents[position]]
        instance = self._graph.instances.get(position)
        if instance is not None and type(node) is MethodCall:
            parents[MethodCall.ORDER_PARENT] = self._latest[instance]
        future = self._submit(position, step, self._run.call(step, []), parents, is_saved=False)
        if is_executed:
            self._futures[position] = future
        if instance is not None:
            self._latest[instance] = future

    def _submit(
        self,
        position: int,
        step: int | None,
        node_call: NodeCall | None,
        parents: list[PrefectFuture[Any] | None],
        *,
        is_saved: bool,
    ) -> PrefectFuture[Any]:
        parameters = {
            "spec": Spec(self._graph.names[position], node_call, os.getpid()),
            "parents": tuple(map(opaque, parents)),
        }
        run_ids = [self._run_ids.get(parent) for parent in self._graph.parents[position]]
        inputs: set[RunInput] = set()
        inputs.update(TaskRunResult(id=run_id) for run_id in run_ids if run_id)
        task = self._task(position, is_saved=is_saved)
        # Not by `Task.submit`, which finds the inputs by the futures: processes get none of
        # these, and saved results none at all.
        future: PrefectFuture[Any]
        future = self._runner.submit(task, parameters, dependencies={"parents": inputs})
        self._pending[future] = position, step
        if step is not None and self._actions[step] is not Action.REPLAY:
            self._run.start_elsewhere(position)
        self._note_submitted(position, future.task_run_id)
        future.add_done_callback(self._done.put)
        return future

    def _note_submitted(self, position: int, run_id: UUID | None) -> None:
        self._run_ids[position] = run_id
        self._saved.extend(self._waiting.pop(position, ()))

    def _task(self, position: int, *, is_saved: bool) -> Task[Any, Any]:
        """Return a node's task; those of one function with the same options have one."""
        node = self._graph.nodes[position]
        args = {} if is_saved else self._task_args.get(position, {})
        key = node.function, is_saved, id(args) if args else None
        if key not in self._tasks:
            if is_saved:
                options = {"name": node.function.qualname, "persist_result": False}
            else:
                on_instance = position in self._graph.instances
                options = {**self._defaults, **args}
                options = task_options(node, options, on_instance=on_instance)
            self._tasks[key] = make_task(options, is_saved=is_saved)
        return self._tasks[key]

    def _collect(self, future: PrefectFuture[Any]) -> None:
        position, step = self._pending.pop(future)
        try:
            result = future.result(raise_on_failure=False)
        except BaseException as error:  # It ended Prefect's worker, or can't go to or from one.
            result = error
        if step is None:
            return
        action = self._actions[step]
        if isinstance(result, BaseException):
            self._fail(position, action, result)
        elif action is Action.LOAD:
            self._run.load_elsewhere(position, result.to_outcome())
        elif action is Action.EXECUTE:
            if future.state.name == CACHED:  # Prefect's own cache had it, from another run.
                result = Result(None, time(), 0.0, None)
            self._run.finish_elsewhere(position, result.to_outcome())
        self._complete(step)

    def _fail(self, position: int, action: Action, error: BaseException) -> None:
        self._futures.pop(position, None)
        if action is Action.LOAD and isinstance(error, LOSSES):
            self._run.lose(position, error)
            self._has_lost = True
            return
        if isinstance(error, BrokenExecutor):
            self._error = self._error or self._lost_error(position, error)
            return
        if self._run.fail_elsewhere(position, outcome_of(error)) and self._error is None:
            self._error = error

    def _lost_error(self, position: int, error: BrokenExecutor) -> WorkersLostError:
        positions = [position, *(other for other, _ in self._pending.values())]
        names = ", ".join(repr(self._graph.names[position]) for position in positions)
        msg = (
            f"{type(self._runner).__name__} lost a worker ({error}); these nodes did not "
            f"finish: {names}; run again: what was saved is loaded"
        )
        lost = WorkersLostError(msg)
        lost.__cause__ = error
        return lost

    def _complete(self, step: int) -> None:
        for position in self._frontier.complete(step):
            self._drop(position)
        position = self._order[step]
        if position not in self._frontier.needs:
            self._drop(position)

    def _drop(self, position: int) -> None:
        """Forget a result, also where Prefect holds on to it, as in events that are not sent."""
        future = self._futures.pop(position, None)
        # What a user has Prefect keep may be in its cache.
        may_be_kept = self._defaults or self._task_args.get(position)
        if future is not None and not may_be_kept:
            future.result(raise_on_failure=False).value = None
