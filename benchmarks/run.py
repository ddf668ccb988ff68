"""Row 3: making a workflow and running it, against an executor written by hand."""

from __future__ import annotations

from collections.abc import Iterator

from graphs import SHAPES
from harness import Result, Scale, compare, growth
from references import run_by_hand

from functionfuse.backends.builtin.localback import LocalWorkflow


def measure(scale: Scale) -> Iterator[Result]:
    """Run each shape at each size: a new workflow, and one that has run before."""
    for shape, (nodes, tasks) in SHAPES.items():
        first, again = [], []
        for size in scale.nodes:
            leaf, by_hand = nodes(size), tasks(size)
            used = LocalWorkflow(leaf, workflow_name="used")
            times = compare(
                {
                    "first": lambda: LocalWorkflow(leaf, workflow_name="new").run(),  # noqa: B023
                    "again": lambda: used.run(),  # noqa: B023
                    "hand": lambda: run_by_hand(by_hand),  # noqa: B023
                },
                scale,
            )
            del leaf, by_hand, used
            work = f"{shape}, {size:,} nodes"
            reference = "hand-written, Kahn order"
            first.append(Result(3, f"run {work}", reference, times["first"] / times["hand"], 2.5))
            again.append(Result(3, f"run again {work}", reference, times["again"] / times["hand"], 1))
        for results, what in ((first, "run"), (again, "run again")):
            yield from results
            yield from growth(results, f"{what} {shape}")
