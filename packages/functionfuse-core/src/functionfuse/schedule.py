"""What a plan's steps wait for, for backends that run several at once."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from functionfuse.node import MethodCall
from functionfuse.plan import Action, Plan

__all__ = ["Frontier", "Schedule", "make_schedule"]


class Schedule(NamedTuple):
    """What the steps of a plan wait for, and how long results are needed."""

    waits: list[int]
    """For each step, of how many others it must see the end."""
    dependents: list[list[int]]
    """For each step, those that wait for it."""
    takes: list[int]
    """How often each position's result is taken: by steps, and once if the run returns it."""


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
    schedule = Schedule([0] * len(plan.order), [[] for _ in plan.order], [0] * len(graph))
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
        for parent in inputs:
            schedule.takes[parent] += 1
        acts[position] = step
        if action is Action.EXECUTE:
            makes_result[position] = step
    for position in plan.returned:
        schedule.takes[position] += 1
    return schedule


class Frontier:
    """Which steps of a plan are ready, and which results are still needed.

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
        self._plan = plan
        schedule = make_schedule(plan, waits_for_loads=with_loads)
        self._waits, self._dependents, self._takes = schedule
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

    def needs(self, position: int) -> bool:
        """Tell whether a result will be taken."""
        return self._takes[position] > 0

    def complete(self, step: int) -> list[int]:
        """Let go on what waits for a step; return the positions of results no longer needed."""
        unneeded = []
        if self._plan.step_actions[step] is not Action.LOAD:
            for parent in self._plan.graph.inputs[self._plan.order[step]]:
                self._takes[parent] -= 1
                if not self._takes[parent]:
                    unneeded.append(parent)
        for dependent in self._dependents[step]:
            self._waits[dependent] -= 1
            if not self._waits[dependent]:
                heapq.heappush(self._ready, dependent)
        return unneeded
