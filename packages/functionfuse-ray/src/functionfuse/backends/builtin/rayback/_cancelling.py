"""Cancelling nodes, without what makes Ray abort the driver.

Ray ends this process if it cancels a task at the moment of its end (its pull request 54798
mended one such case of several). So what may be about to end is left to do so: what is
below the failed node, and the first in the queue until one of them takes long. The others
are cancelled from the last to the first, or those below a cancelled node would be about to
end, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ray

from functionfuse.graph import Graph

__all__ = ["cancel_nodes"]

SPARED = 20
"""How many nodes that may be about to end are not cancelled at once."""

SETTLE_S = 0.2
"""A node that takes longer is not about to end."""

GRACE_S = 2.0
"""How long a cancelled node may clean up before its worker is ended."""


def cancel_nodes(pending: Mapping[Any, int], graph: Graph, failed: int | None) -> None:
    """Cancel all that is pending, but the calls on instances.

    Parameters
    ----------
    pending
        Positions of nodes by the references of their outcomes, in the order of submission.
    graph
        The graph.
    failed
        Position of the node that failed, if one did.
    """
    outcomes = [outcome for outcome, position in pending.items() if position not in graph.instances]
    below = _below(failed, pending, graph)
    queue = [outcome for outcome in outcomes if outcome not in below]
    while (surplus := len(queue) - SPARED) > 0:
        last = min(SPARED, surplus)
        _cancel(queue[-last:])
        queue = _unended(queue[:-last], 0)
    left = _unended(outcomes, SETTLE_S)
    while len(left) > len(left := _unended(left, SETTLE_S)):
        pass
    _cancel(left)
    _cancel(_unended(left, GRACE_S), force=True)


def _cancel(outcomes: Sequence[Any], *, force: bool = False) -> None:
    for outcome in reversed(outcomes):
        ray.cancel(outcome, force=force)


def _below(failed: int | None, pending: Mapping[Any, int], graph: Graph) -> set[Any]:
    """Return what is pending below a node."""
    positions, outcomes = {failed}, set()
    for outcome, position in pending.items():
        if not positions.isdisjoint(graph.inputs[position]):
            positions.add(position)
            outcomes.add(outcome)
    return outcomes


def _unended(outcomes: list[Any], timeout: float) -> list[Any]:
    """Wait for tasks; return those that have not ended, in order."""
    if not outcomes:
        return []
    count = len(outcomes)
    return ray.wait(outcomes, num_returns=count, timeout=timeout, fetch_local=False)[1]
