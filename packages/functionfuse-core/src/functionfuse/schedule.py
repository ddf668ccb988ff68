"""What a plan's steps wait for, and what is needed until when, where several run at once."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from functionfuse.node import MethodCall
from functionfuse.plan import Action, Plan

__all__ = ["Frontier", "Needs", "Schedule", "make_schedule"]


class Schedule(NamedTuple):
    """What the steps of a plan wait for."""

    waits: list[int]
    """For each step, of how many others it must see the end."""
    dependents: list[list[int]]
    """For each step, those that wait for it."""


def make_schedule(plan: Plan, *, waits_for_loads: bool = False) -> Schedule:
    """Find what each step waits for.

    Parameters
    ----------
    plan
        The plan.
    waits_for_loads
        Whether a load is a step like others. Otherwise nothing waits for it: it can happen
        when the first step that takes it begins.
    """
    graph = plan.graph
    schedule = Schedule([0] * len(plan.order), [[] for _ in plan.order])
    makes_result: dict[int, int] = {}
    acts: dict[int, int] = {}
    for step, (position, action) in enumerate(zip(plan.order, plan.step_actions, strict=True)):
        if action is Action.LOAD:
            if waits_for_loads:
                makes_result[position] = step
            continue
        inputs = graph.inputs[position]
        before = {makes_result[parent] for parent in inputs if parent in makes_result}
        if graph.instances.get(position, position) != position:
            call_before = graph.parents[position][MethodCall.ORDER_PARENT]
            before |= {acts[call_before]} if call_before in acts else set()
        for other in before:
            schedule.dependents[other].append(step)
        schedule.waits[step] = len(before)
        acts[position] = step
        if action is Action.EXECUTE:
            makes_result[position] = step
    return schedule


class Needs:
    """Which results are still needed while a plan is followed.

    Parameters
    ----------
    plan
        The plan.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._takes = [0] * len(plan.graph)
        for step in range(len(plan.order)):
            for parent in self._inputs(step):
                self._takes[parent] += 1

    def is_taken(self, position: int) -> bool:
        """Tell whether a step will take a result."""
        return self._takes[position] > 0

    def __contains__(self, position: int) -> bool:
        """Tell whether a step will take a result, or the run returns it."""
        return self.is_taken(position) or position in self._plan.returned

    def release(self, step: int) -> list[int]:
        """Note that a step has what it takes; return the positions no longer needed."""
        for parent in self._inputs(step):
            self._takes[parent] -= 1
        return [parent for parent in self._inputs(step) if parent not in self]

    def _inputs(self, step: int) -> Sequence[int]:
        if self._plan.step_actions[step] is Action.LOAD:
            return ()
        return self._plan.graph.inputs[self._plan.order[step]]


class Frontier:
    """Which steps of a plan are ready.

    Of the steps that are ready the earliest in the plan's order goes first: so, as in a
    serial run, few results are alive.

    Parameters
    ----------
    plan
        The plan.
    with_loads
        Whether loads are steps, too; otherwise they are never ready by themselves.
    """

    def __init__(self, plan: Plan, *, with_loads: bool = False) -> None:
        self.needs = Needs(plan)
        self._waits, self._dependents = make_schedule(plan, waits_for_loads=with_loads)
        self._ready = [
            step
            for step, (waits, action) in enumerate(zip(self._waits, plan.step_actions, strict=True))
            if not waits and (with_loads or action is not Action.LOAD)
        ]

    def __bool__(self) -> bool:
        return bool(self._ready)

    def pop(self) -> int:
        """Take the step that goes next."""
        return heapq.heappop(self._ready)

    def complete(self, step: int) -> list[int]:
        """Let go on what waits for a step; return the positions of results no longer needed."""
        for dependent in self._dependents[step]:
            self._waits[dependent] -= 1
            if not self._waits[dependent]:
                heapq.heappush(self._ready, dependent)
        return self.needs.release(step)
