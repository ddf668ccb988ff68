"""Handing a plan's steps to Ray, and following what becomes of them.

All steps are submitted at once, each with the references of its parents' results, so that
Ray can start a node where and when these are there. The driver only takes down what
happened: a node's outcome comes to it, its result does not.
"""

from __future__ import annotations

import pickle
import re
from collections import deque
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayTaskError

from functionfuse.backends.builtin.rayback._calls import Calls
from functionfuse.backends.builtin.rayback._cancelling import cancel_nodes
from functionfuse.backends.builtin.rayback._saving import SUBMITTED_SAVES, Saver
from functionfuse.backends.builtin.rayback._worker import is_of_returning, load
from functionfuse.errors import add_note
from functionfuse.plan import Action
from functionfuse.run import Run
from functionfuse.saved import LOSSES, Replan
from functionfuse.schedule import Needs
from functionfuse.worker import Destination, Outcome, outcome_of

__all__ = ["Scheduler"]

BATCH = 100
"""How many ends of tasks are waited for at once: each wait looks at all that is pending."""

WAIT_S = 0.5
"""The longest that a failure stays unnoticed because fewer than a batch have ended."""

_COLOURS = re.compile(r"\x1b\[\d*m")


class _Save(NamedTuple):
    """A result on its way into the storage."""

    position: int
    destination: Destination
    result: Any
    """Its reference."""
    outcome: Outcome
    machine: str
    """Where the result is."""
    is_retry: bool = False


class Scheduler:
    """One run of a plan on Ray.

    Parameters
    ----------
    run
        The run, with its plan.
    calls
        What submits nodes.
    saver
        What saves results; None without a storage.
    max_pending
        How many nodes are submitted and unfinished at most; 0 for all.
    """

    def __init__(self, run: Run, calls: Calls, saver: Saver | None, max_pending: int) -> None:
        self._run = run
        self._graph = run.graph
        self._order = run.plan.order
        self._actions = run.plan.step_actions
        self._calls = calls
        self._saver = saver
        self._max_pending = max_pending
        self._needs = Needs(run.plan)
        self._results: list[Any] = [None] * len(run.graph)
        """References, until no step takes them any more."""
        self._pending: dict[Any, int] = {}
        """Steps by the references of their outcomes."""
        self._unsaved: dict[int, tuple[Destination, Any]] = {}
        self._to_save: deque[_Save] = deque()
        self._saving: dict[Any, _Save] = {}
        """By the references of what is known once they are saved."""
        self._lost: set[int] = set()
        """Positions whose saved results are damaged or gone, and what needed them."""
        self._error: BaseException | None = None

    def run(self) -> list[Any]:
        """Run all steps; return the results that are to be returned, by position.

        Raises
        ------
        Replan
            If a saved result that a node needed is damaged or gone.
        Exception
            What a node raised.
        """
        try:
            self._submit_all()
            while count := len(self._pending) + len(self._saving):
                self._collect(min(BATCH, count // 2 + 1), WAIT_S)
        except BaseException as error:
            self._error = error
            self._cancel()
            raise
        finally:
            if self._error is not None or self._run.has_failed:
                self._results = [None] * len(self._graph)  # While Ray does not tell of them.
        if self._error is not None:
            raise self._error
        if self._lost:
            raise Replan
        return self._results if self._run.has_failed else self._fetch()

    def _submit_all(self) -> None:
        for step, (position, action) in enumerate(zip(self._order, self._actions, strict=True)):
            while self._max_pending and len(self._pending) >= self._max_pending:
                self._collect(1, WAIT_S)
            if step % BATCH == BATCH - 1:
                self._collect(len(self._pending) + len(self._saving), 0)
            if self._error is not None or self._lost:
                return
            if action is not Action.LOAD:
                self._submit(step, position)
            elif self._needs.is_taken(position):
                self._submit_load(step, position)

    def _submit_load(self, step: int, position: int) -> None:
        task: Any = load.options(name=f"load {self._graph.names[position]}")
        self._results[position], outcome = task.remote(*self._run.stored(position))
        self._pending[outcome] = step
        self._run.start_elsewhere(position)

    def _submit(self, step: int, position: int) -> None:
        if not (self._run.blocked and self._run.is_blocked(position)):
            is_execution = self._actions[step] is Action.EXECUTE
            destination = self._run.destination(position) if is_execution else None
            saves_itself = destination is not None and destination.storage.always_read
            try:
                result, outcome = self._calls.submit(
                    position, self._results, destination if saves_itself else None
                )
            except Exception as error:  # Literals pickle by code of their own.
                self._fail(position, error)
            else:
                self._pending[outcome] = step
                if is_execution:
                    self._run.start_elsewhere(position)
                if destination is not None and not saves_itself:
                    self._unsaved[step] = destination, result
                if is_execution and position in self._needs:
                    self._results[position] = result
        for parent in self._needs.release(step):
            self._results[parent] = None
            self._calls.release(parent)

    def _collect(self, count: int, timeout: float) -> None:
        """Take down what has ended, in the order of the steps.

        A failure comes down to all that depends on it, so when something failed, all that has
        ended is looked at: what is above is then known to have failed first.
        """
        references = [*self._pending, *self._saving]
        if not references:
            return
        ready, _ = ray.wait(references, num_returns=count, timeout=timeout, fetch_local=False)
        try:
            ends: list[Any] = ray.get(ready)
        except Exception:  # Nodes raise as they like.
            count = len(references)
            ready, _ = ray.wait(references, num_returns=count, timeout=0, fetch_local=False)
            ends = [_end_of(reference) for reference in ready]
        ended: list[tuple[int, Any]] = []
        for reference, end in zip(ready, ends, strict=True):
            if reference in self._saving:
                self._finish_save(self._saving.pop(reference), end)
            else:
                ended.append((self._pending.pop(reference), end))
        for step, end in sorted(ended, key=lambda pair: pair[0]):
            end, machine = pickle.loads(end) if isinstance(end, bytes) else (end, "")
            self._finish(step, end, machine)
        self._start_saves()

    def _finish(self, step: int, end: Outcome | Exception, machine: str) -> None:
        position, action = self._order[step], self._actions[step]
        destination, result = self._unsaved.pop(step, (None, None))
        if isinstance(end, Exception):
            self._find_failure(position, action, end)
        elif destination is not None:
            self._to_save.append(_Save(position, destination, result, end, machine))
        elif action is Action.EXECUTE:
            self._run.finish_elsewhere(position, end)
        elif action is Action.LOAD:
            self._run.load_elsewhere(position, end)

    def _start_saves(self) -> None:
        while self._saver and self._to_save and len(self._saving) < SUBMITTED_SAVES:
            save = self._to_save.popleft()
            try:
                reference = self._saver.save(
                    save.destination, save.result, save.outcome, save.machine
                )
            except Exception as error:  # The storage's machine is gone, say.
                self._fail(save.position, error)
                if self._error is not None:
                    self._to_save.clear()
            else:
                self._saving[reference] = save

    def _finish_save(self, save: _Save, end: Any) -> None:
        assert self._saver is not None
        if isinstance(end, Exception):
            error, traceback = _own(end)
            if not save.is_retry and self._saver.can_try_again(error):
                self._to_save.append(save._replace(is_retry=True))
            else:
                self._fail(save.position, self._saver.explain(error), traceback)
        else:
            self._run.finish_elsewhere(save.position, save.outcome._replace(saved=end))

    def _find_failure(self, position: int, action: Action, end: Exception) -> None:
        """Tell a node's own failure from that of what it depends on."""
        if self._error is not None:
            return  # It was cancelled, or fails for what has failed already.
        error, traceback = _own(end)
        if is_of_returning(traceback):
            add_note(error, "its function ran, but what it returned can't be sent to others")
        if action is Action.LOAD and isinstance(error, LOSSES):
            self._run.lose(position, error)
            self._lost.add(position)
        elif not self._lost.isdisjoint(self._graph.parents[position]):
            self._lost.add(position)
        elif not self._run.is_blocked(position):
            self._fail(position, error, traceback)

    def _fail(self, position: int, error: BaseException, traceback: str = "") -> None:
        outcome = outcome_of(error)._replace(traceback=traceback)
        if self._run.fail_elsewhere(position, outcome) and self._error is None:
            self._error = error
            self._cancel(position)

    def _cancel(self, failed: int | None = None) -> None:
        """End what runs; what is being saved is saved."""
        self._calls.end_instances()
        pending = {outcome: self._order[step] for outcome, step in self._pending.items()}
        cancel_nodes(pending, self._graph, failed)

    def _fetch(self) -> list[Any]:
        """Return the results that are to be returned, by position."""
        values: list[Any] = [None] * len(self._graph)
        returned = sorted(self._run.plan.returned)
        there = [position for position in returned if self._results[position] is not None]
        for position in sorted(set(returned).difference(there)):
            values[position] = self._run.load(position)
        results = ray.get([self._results[position] for position in there])
        for position, value in zip(there, results, strict=True):
            values[position] = value
        return values


def _end_of(reference: Any) -> Any:
    """Return what a reference stands for, or the error that it stands for."""
    try:
        return ray.get(reference)
    except Exception as error:  # Nodes raise as they like.
        return error


def _own(error: Exception) -> tuple[BaseException, str]:
    """Return the exception that a user's function raised, and its traceback as text."""
    cause = getattr(error, "cause", None) if isinstance(error, RayTaskError) else None
    if isinstance(cause, BaseException):
        return cause, _COLOURS.sub("", str(error))
    return error, ""
