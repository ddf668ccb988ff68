"""Row 3: making a workflow and running it, against an executor written by hand."""

from __future__ import annotations

from collections.abc import Iterator

from graphs import SHAPES
from harness import Result, Scale, compare, growth
from references import run_by_hand

from functionfuse.backends.builtin.localback import LocalWorkflow


def measure(scale: Scale) -> Iterator[Result]:
    """Run each shape at each size: a new workflow, and one that has run before."""
    for shape in SHAPES:
        first, again = [], []
        for size in scale.nodes:
            new, used = _ratios(scale, shape, size)
            work, reference = f"{shape}, {size:,} nodes", "hand-written, Kahn order"
            first.append(Result(3, f"run {work}", reference, new, 2.5))
            again.append(Result(3, f"run again {work}", reference, used, 1.0))
        for results, what in ((first, "run"), (again, "run again")):
            yield from results
            yield from growth(results, f"{what} {shape}")


def _ratios(scale: Scale, shape: str, size: int) -> tuple[float, float]:
    """Return the ratios of a new workflow, and of one that has run before."""
    nodes, tasks = SHAPES[shape]
    leaf, by_hand = nodes(size), tasks(size)
    used = LocalWorkflow(leaf, workflow_name="used")
    times = compare(
        {
            "new": lambda: LocalWorkflow(leaf, workflow_name="new").run(),
            "used": lambda: used.run(),
            "hand": lambda: run_by_hand(by_hand),
        },
        scale,
    )
    return times["new"] / times["hand"], times["used"] / times["hand"]
