"""The order in which nodes run: depth first, so that few results are alive at once.

A result lives until its last consumer is done. Running level by level keeps a whole
level alive; following each chain to its end before starting the next keeps one::

        load ─► a1 ─► b1 ─► c1 ─┐           level by level   load a1 a2 b1 b2 c1 c2 sum
          └───► a2 ─► b2 ─► c2 ─┴─► sum     depth first      load a1 b1 c1 a2 b2 c2 sum

Where a node takes several results, the longest branch comes first, so that the results
of the short ones need not wait for it::

        x1   x2   x3
         │    │    │                        argument order   x3 x2 x1 s1 s2 s3
        s1 ─► s2 ─► s3                      longest first    x1 s1 x2 s2 x3 s3
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["depth_first_order"]


def depth_first_order(parents: Sequence[Sequence[int]]) -> list[int]:
    """Order the nodes of a graph so that they may run and few results are alive.

    Parameters
    ----------
    parents
        For each node the positions of its parents, all before its own.

    Returns
    -------
    list of int
        All positions, each after its parents.
    """
    visits, sinks = _longest_last(parents)
    order: list[int] = []
    is_seen = bytearray(len(parents))
    stack = sinks[::-1]
    while stack:
        node = stack.pop()
        if node < 0:  # All before it are done.
            order.append(~node)
        elif not is_seen[node]:
            is_seen[node] = True
            if visits[node]:
                stack.append(~node)
                stack += visits[node]
            else:
                order.append(node)
    return order


def _longest_last(parents: Sequence[Sequence[int]]) -> tuple[list[Sequence[int]], list[int]]:
    """For each node its parents, that with the longest branch last; and all sinks."""
    heights: list[int] = []
    height = heights.__getitem__
    visits: list[Sequence[int]] = []
    is_sink = bytearray(b"\1") * len(parents)
    for own in parents:
        if len(own) > 1:
            own = sorted(own[::-1], key=height)
        for parent in own:
            is_sink[parent] = False
        visits.append(own)
        heights.append(heights[own[-1]] + 1 if own else 0)
    return visits, [node for node, sink in enumerate(is_sink) if sink]
