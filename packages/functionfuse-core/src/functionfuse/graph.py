"""The graph of a workflow: which nodes, in what order, under which names.

Nodes are positions from 0, in order of creation, so that a parent's position is always
below its children's; everything known of them stands in sequences indexed by position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

from functionfuse.errors import GraphError
from functionfuse.names import complete_names, given_names
from functionfuse.node import Construction, Instance, Item, MethodCall, Node
from functionfuse.notebook import replaced_nodes
from functionfuse.order import depth_first_order

__all__ = ["Graph", "Leaf"]


class Leaf:
    """A node, or an item of one, that was given to a workflow: its result is returned."""

    __slots__ = ("keys", "node")

    def __init__(self, value: Any) -> None:
        """Check what a user gave.

        Raises
        ------
        TypeError
            If it is neither a node nor an item of one.
        """
        if isinstance(value, Item):
            self.node, self.keys = value.node, value.keys
        elif isinstance(value, Node) and not isinstance(value, Construction):
            self.node, self.keys = value, ()
        else:
            msg = (
                f"{value!r} is an instance of a stateful node and has no result; "
                "give a call of one of its methods"
                if isinstance(value, (Instance, Construction))
                else f"a workflow is given nodes (calls of decorated functions) or items of "
                f"them, got {value!r} of type {type(value).__name__}"
            )
            raise TypeError(msg)


class Graph:
    """All nodes of a workflow.

    Parameters
    ----------
    given
        The nodes, or items of nodes, that a user gave.

    Attributes
    ----------
    leaves
        What was given.
    nodes
        All nodes, in order of creation.
    positions
        The position of each node.
    parents
        The positions of each node's parents.
    given_names
        The names that users gave, as they were when the graph was made; None for the others.

    Raises
    ------
    GraphError
        If none was given or two nodes have one name.
    TypeError
        If what was given is not a node.
    """

    def __init__(self, given: Iterable[Any]) -> None:
        self.leaves = [Leaf(value) for value in given]
        if not self.leaves:
            msg = "a workflow needs at least one node, got none"
            raise GraphError(msg)
        self.nodes = sorted(_closure([leaf.node for leaf in self.leaves]), key=attrgetter("number"))
        self.positions = dict(zip(self.nodes, range(len(self.nodes)), strict=True))
        positions = self.positions
        self.parents: list[tuple[int, ...]] = [
            (positions[own[0]],) if len(own) == 1 else tuple(map(positions.__getitem__, own))
            for own in map(attrgetter("parents"), self.nodes)
        ]
        self.given_names = given_names(self.nodes)
        if any(name is not None for name in self.given_names):
            self.names  # noqa: B018  A given name may also be one that the workflow makes.

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def names(self) -> list[str]:
        """The name of each node."""
        return complete_names(self.nodes, self.given_names)

    @cached_property
    def by_name(self) -> Mapping[str, int]:
        """The position of each node, by name."""
        return {name: position for position, name in enumerate(self.names)}

    @cached_property
    def order(self) -> list[int]:
        """All positions in the order in which they run when nothing is saved."""
        return depth_first_order(self.parents)

    @cached_property
    def leaf_positions(self) -> frozenset[int]:
        """The positions of the nodes whose results are returned."""
        return frozenset(self.positions[leaf.node] for leaf in self.leaves)

    @cached_property
    def inputs(self) -> Sequence[tuple[int, ...]]:
        """The parents of each node whose results it takes; the others only order."""
        if not self.instances:
            return self.parents
        order_parent = MethodCall.ORDER_PARENT
        return [
            parents[:order_parent] + parents[order_parent + 1 :]
            if type(node) is MethodCall
            else parents
            for node, parents in zip(self.nodes, self.parents, strict=True)
        ]

    @cached_property
    def instances(self) -> Mapping[int, int]:
        """For each construction and each call on an instance, the construction's position."""
        instances: dict[int, int] = {}
        if Construction not in set(map(type, self.nodes)):
            return instances
        for position, node in enumerate(self.nodes):
            if type(node) is Construction:
                instances[position] = position
            elif type(node) is MethodCall:
                instances[position] = self.parents[position][0]
        return instances


def _closure(given: Sequence[Node]) -> Mapping[Node, None]:
    """Find all nodes that run: what descends from the roots above the given, and its ancestors.

    Roots above the given   r1    r2
                             │ ╲   │
    The given and others     a  b  g     x, an ancestor of y from outside, runs too,
                             │           but not x's other descendant z.
    Descendants of r1        y ◄── x ──► z
    """
    parents, children = attrgetter("parents"), attrgetter("children")
    ancestors = _flood(given, parents)
    # Each edge to an ancestor comes from one: with as many edges down, none leads out.
    if sum(map(len, map(parents, ancestors))) == sum(map(len, map(children, ancestors))):
        return ancestors
    roots = [node for node in ancestors if not node.parents]
    descendants = _flood(roots, children)
    replaced = replaced_nodes(descendants, ancestors)
    if replaced:
        for node in _flood(replaced, children):
            descendants.pop(node, None)
    outside = [
        parent for node in descendants for parent in node.parents if parent not in descendants
    ]
    return descendants | _flood(outside, parents)


def _flood(start: Iterable[Node], neighbours: Any) -> dict[Node, None]:
    """Find all nodes that can be reached from some, which are among them."""
    reached = dict.fromkeys(start)
    found = list(reached)
    for others in map(neighbours, found):
        for node in others:
            if node not in reached:
                reached[node] = None
                found.append(node)  # The loop comes to it later.
    return reached
