"""Row 19: showing a run's progress, against not showing it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path
from typing import Any

from graphs import SHAPES
from harness import Result, Scale, compare

from functionfuse.backends.builtin.localback import LocalWorkflow

MOST_NODES = 10_000
"""Longer runs hide what showing them takes."""


def measure(scale: Scale) -> Iterator[Result]:
    """Run a chain with and without progress: a new workflow, and one that has run before."""
    nodes, _ = SHAPES["chain"]
    size = max(scale.nodes_to(MOST_NODES))
    leaf = nodes(size)
    used = LocalWorkflow(leaf, workflow_name="used")
    for work, run in (("run", partial(_run_new, leaf)), ("run again", used.run)):
        with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
            times = compare(
                {"shown": partial(run, progress=True), "not": partial(run, progress=False)}, scale
            )
        ratio = times["shown"] / times["not"]
        yield Result(19, f"{work} chain, {size:,} nodes, with progress", "without", ratio, 1.02)


def _run_new(leaf: Any, *, progress: bool) -> Any:
    return LocalWorkflow(leaf, workflow_name="new").run(progress=progress)
