"""Cells that run again: which of two nodes with one name is meant.

A parent keeps its children, so a notebook's cell that runs again leaves the nodes of its
earlier runs in the graph. Of two nodes with one given name the one from the later
execution is meant, and the other leaves the workflow with all that descends from it::

    cell 1 [1]   data
                  ├──► model [2] ──► score [3]     leave
    cell 2 [4]    └──► model [4]                   stays

What was given to the workflow, and its ancestors, always stays.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Container, Iterable

from functionfuse.node import Node

__all__ = ["replaced_nodes"]


def replaced_nodes(nodes: Iterable[Node], kept: Container[Node]) -> list[Node]:
    """Return the nodes that were named in notebook cells and of which there are later ones.

    Parameters
    ----------
    nodes
        The nodes of a workflow.
    kept
        Those that stay in any case.
    """
    if "IPython" not in sys.modules:
        return []
    twins = defaultdict(list)
    for node in nodes:
        if node.name is not None and node.place.cell is not None:
            twins[node.name].append(node)
    replaced = []
    for group in twins.values():
        latest = max(node.place.cell or 0 for node in group)
        is_decided = any(node in kept for node in group)
        replaced += [
            node for node in group if node not in kept and (is_decided or node.place.cell != latest)
        ]
    return replaced
