"""The plan of a run: what happens to each node, decided in one place for all backends.

Each node is skipped, loaded or executed::

    saved and fits?      needed by a node that executes, or given?
    yes                  no    skip
    yes                  yes   load
    no                         execute, needed or not

Two kinds of nodes are never saved: constructions of instances execute when a call on the
instance does, and log nodes always execute. Without a storage everything executes.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from functionfuse.graph import Graph
from functionfuse.node import Construction
from functionfuse.storage.index import Saved

if TYPE_CHECKING:
    from functionfuse.reuse.fingerprint import Fingerprint

__all__ = ["Action", "Plan", "check_reuse", "make_full_plan", "make_plan"]

REUSE_POLICIES = ("saved", "unchanged", "never")


def check_reuse(reuse: str) -> None:
    """Raise ValueError unless this is a reuse policy."""
    if reuse not in REUSE_POLICIES:
        msg = f"reuse is one of {', '.join(map(repr, REUSE_POLICIES))}, got {reuse!r}"
        raise ValueError(msg)


class Action(enum.Enum):
    """What a run does about a node."""

    SKIP = "skip"
    LOAD = "load"
    EXECUTE = "execute"
    REPLAY = "replay"
    """Execute a saved call again, only for what it does to its instance."""

    def __repr__(self) -> str:
        return self.name


class Plan(NamedTuple):
    """What happens to each node of a graph in one run, and in which order.

    Attributes
    ----------
    graph
        The graph.
    returned
        Positions of the nodes whose results the run gives back.
    actions
        For each node: skip, load or execute.
    order
        The positions of the nodes in the order of the steps.
    step_actions
        What each step does: load, execute or replay.
    drops
        After each step, the positions of the results that nothing needs any more.
    fingerprints
        Of each node that executes and is saved, by position; none without a storage.
    changed
        Fingerprints, by position, of named nodes whose saved results no longer fit but are
        reused.
    """

    graph: Graph
    returned: frozenset[int]
    actions: Sequence[Action]
    order: Sequence[int]
    step_actions: Sequence[Action]
    drops: Sequence[Sequence[int]]
    fingerprints: Mapping[int, Fingerprint]
    changed: Mapping[int, Fingerprint]

    def to_dict(self) -> dict[str, str]:
        """Return what happens to each node, by name: `skip`, `load` or `execute`.

        A saved call on an instance that is replayed counts as what happens to its result.
        """
        return {
            name: action.value for name, action in zip(self.graph.names, self.actions, strict=True)
        }

    def __str__(self) -> str:
        return "\n".join(f"{action:<8}{name}" for name, action in self.to_dict().items())


def make_full_plan(graph: Graph, returned: frozenset[int]) -> Plan:
    """Plan a run without a storage: everything executes."""
    execute = [Action.EXECUTE] * len(graph)
    drops = _drops(graph, returned, graph.order, execute)
    return Plan(graph, returned, execute, graph.order, execute, drops, {}, {})


def make_plan(
    graph: Graph,
    saved: Mapping[str, Saved],
    reuse: str,
    returned: frozenset[int],
    *,
    logs: Collection[int] = (),
    finished: Collection[int] = (),
) -> Plan:
    """Plan a run with a storage.

    Parameters
    ----------
    graph
        The graph.
    saved
        What the storage has, by name.
    reuse
        `"saved"`: a named node's result is reused; `"unchanged"`: only if it still fits;
        `"never"`. An unnamed node's is reused only if it fits.
    returned
        Positions of the nodes whose results the run gives back.
    logs
        Positions of the nodes that always execute and are never stored.
    finished
        Positions of the nodes that this run has executed already, before it was planned
        again: those that are not saved execute again only if needed.
    """
    executes, fingerprints, changed = _decide(graph, saved, reuse, logs)
    actions, replays = _choose_actions(graph, returned, executes, finished)
    order, step_actions = _order_steps(graph, returned, actions, replays)
    drops = _drops(graph, returned, order, step_actions)
    return Plan(graph, returned, actions, order, step_actions, drops, fingerprints, changed)


def _decide(
    graph: Graph, saved: Mapping[str, Saved], reuse: str, logs: Collection[int]
) -> tuple[bytearray, dict[int, Fingerprint], dict[int, Fingerprint]]:
    """Decide in order of creation whose saved result can be used and which nodes must execute."""
    # Imported late, with all that takes code apart: without a storage it is not needed.
    from functionfuse.reuse.lineage import Lineage

    executes = bytearray(len(graph))
    fingerprints: dict[int, Fingerprint] = {}
    changed: dict[int, Fingerprint] = {}
    lineage = Lineage(graph, logs)
    for position, (node, name) in enumerate(zip(graph.nodes, graph.names, strict=True)):
        fingerprint = lineage.fingerprint(position)
        is_unsaved = position in logs or type(node) is Construction
        entry = None if is_unsaved or reuse == "never" else saved.get(name)
        fits = entry is not None and lineage.fits(position, fingerprint, entry)
        is_named = graph.given_names[position] is not None
        if entry is not None and (fits or (is_named and reuse == "saved")):
            lineage.add(position, fingerprint, entry)
            if not fits and entry.digest:
                changed[position] = fingerprint
        else:
            executes[position] = True
            if not is_unsaved:
                fingerprints[position] = fingerprint
            lineage.add(position, fingerprint)
    return executes, fingerprints, changed


def _choose_actions(
    graph: Graph, returned: Collection[int], executes: bytearray, finished: Collection[int]
) -> tuple[list[Action], set[int]]:
    """Find, from the last node to the first, whose result or effect on an instance is needed."""
    actions = [Action.SKIP] * len(graph)
    replays: set[int] = set()
    live_instances: set[int] = set()
    is_needed = bytearray(len(graph))
    for position in returned:
        is_needed[position] = True
    for position in range(len(graph) - 1, -1, -1):
        instance = graph.instances.get(position)
        if instance == position:
            runs = position in live_instances
        elif executes[position] and position in finished:
            runs = bool(is_needed[position])
        else:
            runs = bool(executes[position])
        if runs:
            actions[position] = Action.EXECUTE
        elif is_needed[position]:
            actions[position] = Action.LOAD
        if instance in live_instances and not runs:
            replays.add(position)
        if runs or position in replays:
            if instance is not None:
                live_instances.add(instance)
            for parent in graph.inputs[position]:
                is_needed[parent] = True
    return actions, replays


def _order_steps(
    graph: Graph, returned: Collection[int], actions: Sequence[Action], replays: Collection[int]
) -> tuple[list[int], list[Action]]:
    """Put the steps in the graph's order, each load just before its first use."""
    if Action.EXECUTE not in actions:
        loads = sorted(returned)
        return loads, [Action.LOAD] * len(loads)
    order: list[int] = []
    step_actions: list[Action] = []
    loads_left = {position for position, action in enumerate(actions) if action is Action.LOAD}

    def add(position: int, action: Action) -> None:
        for parent in graph.inputs[position]:
            load(parent)
        order.append(position)
        step_actions.append(action)

    def load(position: int) -> None:
        if position in loads_left:
            loads_left.remove(position)
            order.append(position)
            step_actions.append(Action.LOAD)

    for position in graph.order:
        if actions[position] is Action.EXECUTE:
            add(position, Action.EXECUTE)
            continue
        if position in replays:
            add(position, Action.REPLAY)
        if position in returned:
            load(position)
    return order, step_actions


def _drops(
    graph: Graph, returned: Collection[int], order: Sequence[int], step_actions: Sequence[Action]
) -> list[Sequence[int]]:
    """List, for after each step, the results that no later step takes and nobody is given."""
    load, inputs = Action.LOAD, graph.inputs
    last_uses = [-1] * len(graph)
    for step, (position, action) in enumerate(zip(order, step_actions, strict=True)):
        last_uses[position] = step
        if action is not load:
            for parent in inputs[position]:
                last_uses[parent] = step
    for position in returned:
        last_uses[position] = -1
    drops: list[Any] = [()] * len(order)
    for position, step in enumerate(last_uses):
        if step >= 0:
            if drops[step]:
                drops[step].append(position)
            else:
                drops[step] = [position]
    return drops
