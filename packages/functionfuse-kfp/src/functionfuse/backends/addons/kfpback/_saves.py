"""With what results are saved: known from a plan, or left to the containers in part."""

from __future__ import annotations

from collections.abc import Collection

from functionfuse.backends.addons.kfpcontainer import SaveSpec
from functionfuse.graph import Graph
from functionfuse.node import Construction, MethodCall
from functionfuse.plan import Plan
from functionfuse.reuse.lineage import Lineage

__all__ = ["saves_of_compiled", "saves_of_plan"]


def saves_of_plan(plan: Plan) -> dict[int, SaveSpec]:
    """Return with what the results of a plan are saved, by position."""
    return {p: SaveSpec(fingerprint.to_header()) for p, fingerprint in plan.fingerprints.items()}


def saves_of_compiled(graph: Graph, logs: Collection[int]) -> dict[int, SaveSpec]:
    """Return with what results are saved where every container asks the storage itself.

    The parents' part of a fingerprint comes with their results, since one may be loaded that
    was made from something else. Only of an instance is it known now: what is written here.
    """
    lineage = Lineage(graph, logs)
    saves = {}
    for position, node in enumerate(graph.nodes):
        fingerprint = lineage.fingerprint(position)
        lineage.add(position, fingerprint)
        if type(node) is Construction:
            continue
        on_instance = range(MethodCall.ORDER_PARENT + 1) if type(node) is MethodCall else ()
        upstream = [
            list(parent) if index in on_instance else None
            for index, parent in enumerate(fingerprint.parents)
        ]
        parts = {
            "code": fingerprint.code,
            "arguments": fingerprint.arguments,
            "pieces": fingerprint.pieces.text,
        }
        is_named = graph.given_names[position] is not None
        saves[position] = SaveSpec(parts, upstream, position not in logs, is_named)
    return saves
