"""What the nodes of a graph hand down to the fingerprints of their children.

Most hand down what their result was made from: for one that is loaded, that is what was
stored with it. Two kinds are different:

- A method call has a result and an effect on its instance. The effect is always that of
  the call as it is written now, since a loaded call, if need be, is replayed.
- A log node hands down what its parents do, so that it never makes a change. A child may
  have been saved before its parent became a log node; then it was made from the parent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from functionfuse.graph import Graph
from functionfuse.node import Construction, MethodCall
from functionfuse.reuse.fingerprint import Ancestry, Fingerprint, Fingerprints
from functionfuse.storage.index import Saved

__all__ = ["Lineage"]


class Lineage:
    """Takes the fingerprints of a graph's nodes, in the order of creation.

    Parameters
    ----------
    graph
        The graph.
    logs
        Positions of the log nodes.
    """

    def __init__(self, graph: Graph, logs: Collection[int]) -> None:
        self._graph = graph
        self._logs = {p for p in logs if type(graph.nodes[p]) is not Construction}
        self._fingerprints = Fingerprints(graph)
        self._results: list[Ancestry] = []
        self._effects: dict[int, Ancestry] = {}
        self._made_from: dict[int, Ancestry] = {}
        """Of log nodes: what their results are made from."""

    def fingerprint(self, position: int) -> Fingerprint:
        """Take the fingerprint of a node; all before it were added."""
        return self._fingerprints.take(position, self._parents(position))

    def fits(self, position: int, fingerprint: Fingerprint, saved: Saved) -> bool:
        """Tell whether a saved result was made from the same."""
        if fingerprint.fits(saved):
            return True
        if self._logs.isdisjoint(self._graph.parents[position]):
            return False
        parents = self._parents(position, self._made_from)
        return self._fingerprints.take(position, parents).fits(saved)

    def add(self, position: int, fingerprint: Fingerprint, saved: Saved | None = None) -> None:
        """Take down a node: executed, or loaded with what is known of its saved result."""
        own = fingerprint.ancestry if saved is None else Ancestry.saved(saved)
        if position in self._graph.instances:
            self._effects[position] = fingerprint.ancestry
        if position in self._logs:
            parents = self._parents(position, self._made_from)
            self._made_from[position] = self._fingerprints.take(position, parents).ancestry
            own = Ancestry.passed_on(self._parents(position))
        self._results.append(own or fingerprint.ancestry)

    def _parents(
        self, position: int, made_from: Mapping[int, Ancestry] | None = None
    ) -> list[Ancestry]:
        positions = self._graph.parents[position]
        results = [self._results[parent] for parent in positions]
        if made_from:
            results = [made_from.get(p, own) for p, own in zip(positions, results, strict=True)]
        if type(self._graph.nodes[position]) is MethodCall:
            before = positions[MethodCall.ORDER_PARENT]
            results[MethodCall.ORDER_PARENT] = self._effects[before]
        return results
