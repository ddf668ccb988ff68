"""Handing a plan's steps to Dask, and following what becomes of them."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import Any
from uuid import uuid4

import cloudpickle
from distributed import Client, Future, as_completed

from functionfuse.errors import add_note
from functionfuse.plan import Action
from functionfuse.run import Run
from functionfuse.saved import LOSSES, Replan
from functionfuse.schedule import Frontier
from functionfuse.worker import NodeCall, Outcome, outcome_of, run_node

__all__ = ["NodeFailed", "Scheduler"]


class NodeFailed(Exception):  # noqa: N818  Dask's page shows it beside the node.
    """What a task raises when its node failed, and what all that depends on it fails with."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome

    def __str__(self) -> str:
        return repr(self.outcome.error)


def run_task(call: NodeCall, *parents: tuple[Any, Outcome]) -> tuple[Any, Outcome]:
    """Run a node in a worker; return its result and, without it, the outcome."""
    values = [*call.values, *(value for value, _ in parents)]
    outcome = run_node(call._replace(values=values), None, cloudpickle)
    if outcome.error is not None:
        raise NodeFailed(outcome)
    return outcome.value, outcome._replace(value=None)


class Scheduler:
    """One run of a plan on Dask.

    All steps are submitted at once, each with the futures of its parents, so that Dask can
    start a node where and when these are there. Results stay on the workers; of each node a
    second task brings the outcome to this process.
    """

    def __init__(self, run: Run, client: Client) -> None:
        self._run = run
        self._client = client
        self._frontier = Frontier(run.plan, with_loads=True)
        self._results: list[Any] = [None] * len(run.graph)
        """Futures, until no step takes them any more."""
        self._outcomes: dict[Future[Any], int] = {}
        """Steps by the futures of their outcomes."""
        self._keys = uuid4().hex
        self._has_lost = False

    def run(self) -> list[Any]:
        """Take all steps; return the results that are to be returned, by position."""
        try:
            for step in range(len(self._run.plan.order)):
                self._submit(step)
            self._start_ready()
            for future in as_completed(list(self._outcomes), loop=self._client.loop):
                self._collect(future, self._outcomes[future])
            if self._has_lost:
                raise Replan
            return [] if self._run.has_failed else self._gather()
        finally:  # Also what is not needed any more: a traceback may hold this object for long.
            self._client.cancel([*self._outcomes, *filter(None, self._results)], force=True)

    def _submit(self, step: int) -> None:
        run = self._run
        position = run.plan.order[step]
        node, name = run.graph.nodes[position], run.graph.names[position]
        is_load = run.plan.step_actions[step] is Action.LOAD
        parents = [] if is_load else [self._results[p] for p in run.graph.parents[position]]
        call = run.call(step, [])
        # In a partial Dask does not look for futures in the user's arguments.
        key = (f"{node.function.qualname}-{self._keys}", name)
        result = self._client.submit(partial(run_task, call), *parents, key=key, pure=False)
        outcome = self._client.submit(itemgetter(1), result, key=(f"outcome-{self._keys}", name))
        self._results[position] = result
        self._outcomes[outcome] = step

    def _start_ready(self) -> None:
        """Tell what the workers have: all whose parents are there."""
        while self._frontier:
            position = self._run.plan.order[self._frontier.pop()]
            if not self._run.is_blocked(position):
                self._run.start_elsewhere(position)

    def _collect(self, future: Future[Any], step: int) -> None:
        position, action = self._run.plan.order[step], self._run.plan.step_actions[step]
        try:
            outcome = future.result()
        except Exception as error:  # Nodes raise as they like, and workers die.
            self._fail(position, action, error)
        else:
            if action is Action.LOAD:
                self._run.load_elsewhere(position, outcome)
            else:
                self._run.finish_elsewhere(position, outcome)
        for released in self._frontier.complete(step):
            self._results[released] = None
        if position not in self._frontier.needs:
            self._results[position] = None
        self._start_ready()

    def _fail(self, position: int, action: Action, error: Exception) -> None:
        parents = [self._results[parent] for parent in self._run.graph.parents[position]]
        if any(parent is not None and parent.status == "error" for parent in parents):
            return  # It has not run: its parent's failure came down to it.
        outcome = error.outcome if isinstance(error, NodeFailed) else outcome_of(error)
        failure = outcome.error or error
        if action is Action.LOAD and isinstance(failure, LOSSES):
            self._run.lose(position, failure)
            self._has_lost = True
        elif self._run.fail_elsewhere(position, outcome):
            raise failure

    def _gather(self) -> list[Any]:
        results = [None] * len(self._results)
        returned = sorted(self._run.plan.returned)
        try:
            pairs = self._client.gather([self._results[position] for position in returned])
        except TypeError as error:
            add_note(error, "what a given node returned can't be sent to this process")
            raise
        for position, (value, _) in zip(returned, pairs, strict=True):
            results[position] = value
        return results
