"""Which steps of a plan share a container.

Every step has one of its own, but an instance of a stateful node can't leave its process:
the constructor, its calls, and every node on a path between them are one component. With
all steps on an instance taken as one, these are the strongly connected components::

    Account ──► deposit ──► double ──► deposit        one component
                                          │
    table ◄───────────────────────────────┘           another
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from functionfuse.plan import Action, Plan
from functionfuse.schedule import make_schedule

__all__ = ["group_steps"]


def group_steps(plan: Plan) -> list[list[int]]:
    """Return the groups of a plan's steps, each after those that it takes results from."""
    instances = plan.graph.instances
    steps = [s for s, action in enumerate(plan.step_actions) if action is not Action.LOAD]
    if not instances:
        return [[step] for step in steps]
    dependents = make_schedule(plan).dependents
    first: dict[int, int] = {}
    vertex = {}
    for step in steps:
        instance = instances.get(plan.order[step])
        vertex[step] = step if instance is None else first.setdefault(instance, step)
    edges: dict[int, set[int]] = {vertex[step]: set() for step in steps}
    for step in steps:
        edges[vertex[step]].update(vertex[other] for other in dependents[step])
    components = _strongly_connected(edges)
    number = {one: index for index, component in enumerate(components) for one in component}
    groups: list[list[int]] = [[] for _ in components]
    for step in steps:
        groups[number[vertex[step]]].append(step)
    return groups


def _strongly_connected(edges: Mapping[int, Iterable[int]]) -> list[list[int]]:
    """Return the strongly connected components, in topological order (Kosaraju's algorithm)."""
    reversed_edges: dict[int, list[int]] = {vertex: [] for vertex in edges}
    for vertex, others in edges.items():
        for other in others:
            reversed_edges[other].append(vertex)
    seen: set[int] = set()
    finished = [v for start in edges for v in _depth_first(start, edges, seen)]
    seen = set()
    components = [_depth_first(start, reversed_edges, seen) for start in reversed(finished)]
    return [component for component in components if component]


def _depth_first(start: int, edges: Mapping[int, Iterable[int]], seen: set[int]) -> list[int]:
    """Return what is reached and was not seen, each after all that is reached from it."""
    if start in seen:
        return []
    seen.add(start)
    finished = []
    path = [(start, iter(edges[start]))]
    while path:
        vertex, others = path[-1]
        new = next((other for other in others if other not in seen), None)
        if new is None:
            finished.append(vertex)
            path.pop()
        else:
            seen.add(new)
            path.append((new, iter(edges[new])))
    return finished
