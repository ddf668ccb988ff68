"""Row 4: making a workflow and running it, against other libraries in one process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from graphs import Tasks, layered, layered_tasks
from harness import Result, Scale, compare
from references import as_dask, as_hamilton, as_pipefunc, run_hamilton, run_pipefunc

from functionfuse.backends.builtin.localback import LocalWorkflow


class Engine(NamedTuple):
    """Another library."""

    make: Callable[[Tasks], Any]
    """Makes its own form of the graph, untimed."""
    run: Callable[[Any], Any]
    budget: float
    most_nodes: int
    """More take it minutes."""


ENGINES = {
    "dask, synchronous": Engine(
        as_dask, lambda graph: graph.compute(scheduler="synchronous"), 0.04, 10_000
    ),
    "pipefunc": Engine(as_pipefunc, run_pipefunc, 0.01, 200),
    "Hamilton": Engine(as_hamilton, run_hamilton, 0.1, 10_000),
}


def measure(scale: Scale) -> Iterator[Result]:
    """Run the layered graph, whose depth they all bear."""
    logging.disable(logging.WARNING)
    for name, engine in ENGINES.items():
        for size in scale.nodes_to(engine.most_nodes):
            leaf, graph = layered(size), engine.make(layered_tasks(size))
            times = compare(
                {
                    "ours": lambda: LocalWorkflow(leaf, workflow_name="new").run(),  # noqa: B023
                    name: lambda: engine.run(graph),  # noqa: B023
                },
                scale,
            )
            ratio = times["ours"] / times[name]
            yield Result(4, f"run layered, {size:,} nodes", name, ratio, engine.budget)
