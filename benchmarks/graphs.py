"""The graphs that are measured, each as nodes and as a plain list of tuples.

A tuple is `(function, parents)`, with the parents' places in the list. Each loop is what
one would write for that form, so that neither pays for the other's way.

chain     one() ─► step ─► step ─► … ─► step
layered   100 wide; each node takes 3 of the layer above; a sum of the last layer
fan       one() ─► step, step, step, … ─► total([…])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functionfuse import workflow

__all__ = ["SHAPES", "Tasks", "merge", "one", "step", "total"]

Tasks = list[tuple[Callable[..., Any], tuple[int, ...]]]

WIDTH = 100


def one() -> int:
    """Return a root's result."""
    return 1


def step(value: int) -> int:
    """Take one parent."""
    return value


def merge(left: int, middle: int, right: int) -> int:
    """Take three parents."""
    return middle


def total(*values: int) -> int:
    """Take any number of parents."""
    return sum(values)


def total_of(values: list[int]) -> int:
    """Take any number of parents, in a list."""
    return sum(values)


one_node, step_node, merge_node = workflow(one), workflow(step), workflow(merge)
total_node = workflow(total_of)


def chain(size: int) -> Any:
    """Make a chain of nodes, and return its end."""
    node = one_node()
    for _ in range(size - 1):
        node = step_node(node)
    return node


def chain_tasks(size: int) -> Tasks:
    """Make the same as a list."""
    tasks: Tasks = [(one, ())]
    for index in range(size - 1):
        tasks.append((step, (index,)))
    return tasks


def layered(size: int) -> Any:
    """Make layers of nodes, and return the sum of the last."""
    layer = [one_node() for _ in range(WIDTH)]
    for _ in range(size // WIDTH - 1):
        layer = [
            merge_node(layer[index - 2], layer[index - 1], layer[index]) for index in range(WIDTH)
        ]
    return total_node(layer)


def layered_tasks(size: int) -> Tasks:
    """Make the same as a list."""
    tasks: Tasks = [(one, ())] * WIDTH
    for start in range(0, size // WIDTH * WIDTH - WIDTH, WIDTH):
        for index in range(WIDTH):
            parents = (
                start + (index - 2) % WIDTH,
                start + (index - 1) % WIDTH,
                start + index,
            )
            tasks.append((merge, parents))
    tasks.append((total, tuple(range(len(tasks) - WIDTH, len(tasks)))))
    return tasks


def fan(size: int) -> Any:
    """Make nodes that take one root, and return the sum of them all."""
    root = one_node()
    return total_node([step_node(root) for _ in range(size - 2)])


def fan_tasks(size: int) -> Tasks:
    """Make the same as a list."""
    tasks: Tasks = [(one, ())]
    root = len(tasks) - 1
    for _ in range(size - 2):
        tasks.append((step, (root,)))
    tasks.append((total, tuple(range(1, size - 1))))
    return tasks


SHAPES: dict[str, tuple[Callable[[int], Any], Callable[[int], Tasks]]] = {
    "chain": (chain, chain_tasks),
    "layered": (layered, layered_tasks),
    "fan": (fan, fan_tasks),
}
