"""Row 1: building a graph, against a plain list of tuples."""

from __future__ import annotations

from collections.abc import Iterator

from graphs import SHAPES
from harness import Result, Scale, compare, growth

BUDGETS = {"chain": 8.0, "layered": 10.0, "fan": 8.0}


def measure(scale: Scale) -> Iterator[Result]:
    """Build each shape at each size."""
    for shape, (nodes, tasks) in SHAPES.items():
        results = []
        for size in scale.nodes:
            times = compare(
                {"nodes": lambda: nodes(size), "list": lambda: tasks(size)},  # noqa: B023
                scale,
            )
            ratio = times["nodes"] / times["list"]
            work = f"build {shape}, {size:,} nodes"
            results.append(Result(1, work, "list of tuples", ratio, BUDGETS[shape]))
        yield from results
        yield from growth(results, f"build {shape}")
