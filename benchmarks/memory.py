"""Row 2: memory of a built graph, against a plain list of tuples."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from graphs import SHAPES
from harness import Result, Scale

MOST_NODES = 100_000
"""More take long under `tracemalloc`, and need as much each."""


def measure(scale: Scale) -> Iterator[Result]:
    """Build each shape and see what it takes."""
    size = scale.nodes_to(MOST_NODES)[-1]
    for shape, (nodes, tasks) in SHAPES.items():
        ratio = _allocated(nodes, size) / _allocated(tasks, size)
        yield Result(2, f"memory of {shape}, {size:,} nodes", "list of tuples", ratio, 4.0)


def _allocated(build: Callable[[int], Any], size: int) -> int:
    """Return how many bytes live on in what is built."""
    gc.collect()
    tracemalloc.start()
    built = build(size)
    gc.collect()
    nbytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del built
    return nbytes
