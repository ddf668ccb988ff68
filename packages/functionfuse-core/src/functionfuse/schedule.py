"""What a plan's steps wait for, for backends that run several at once."""

from __future__ import annotations

from typing import NamedTuple

from functionfuse.node import MethodCall
from functionfuse.plan import Action, Plan

__all__ = ["Schedule", "make_schedule"]


class Schedule(NamedTuple):
    """What the steps of a plan wait for, and how long results are needed."""

    waits: list[int]
    """For each step, of how many others it must see the end."""
    dependents: list[list[int]]
    """For each step, those that wait for it."""
    takes: list[int]
    """For each position, how many steps take its result; a leaf's is taken once more."""


def make_schedule(plan: Plan) -> Schedule:
    """Find what each step waits for.

    Nothing waits for a load: it can happen when the first step that takes it begins.
    """
    graph = plan.graph
    schedule = Schedule([0] * len(plan.order), [[] for _ in plan.order], [0] * len(graph))
    makes_result: dict[int, int] = {}
    acts: dict[int, int] = {}
    for step, (position, action) in enumerate(zip(plan.order, plan.step_actions, strict=True)):
        if action is Action.LOAD:
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
    for position in graph.leaf_positions:
        schedule.takes[position] += 1
    return schedule
