"""Row 9: a second run of which only the leaf is wanted, against reading what is stored.

The results are small numbers: the larger they are, the more a run gains that reads one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
from graphs import step
from harness import Result, Scale, compare

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.storage.filestorage import FileStorage

BUDGETS = {"reading every result": 0.25, "joblib.Memory": 0.05}
MOST_NODES = 100_000
MOST_SLOW_NODES = 10_000
"""Nodes up to which more is compared: of more, joblib's first run alone takes minutes."""

step_node = workflow(step)


def measure(scale: Scale) -> Iterator[Result]:
    """Store a chain whose nodes are unnamed, or named, and run it again."""
    for size in scale.nodes_to(MOST_NODES):
        for named in (False, True) if size <= MOST_SLOW_NODES else (False,):
            with tempfile.TemporaryDirectory() as folder:
                yield from _measure_size(scale, Path(folder), size, named=named)


def _measure_size(scale: Scale, folder: Path, size: int, *, named: bool) -> Iterator[Result]:
    leaf = _chain(size, named=named)
    _second_run(leaf, folder)
    storage = FileStorage(folder)
    names = storage.list_tasks("w", "*")
    cached = joblib.Memory(folder / "joblib", verbose=0).cache(step)
    references: dict[str, Callable[[], Any]] = {
        "reading every result": lambda: [storage.read_task("w", name) for name in names]
    }
    if size <= MOST_SLOW_NODES and not named:
        references["joblib.Memory"] = lambda: _call(cached, size)
    times = compare({"ours": lambda: _second_run(leaf, folder), **references}, scale)
    work = f"second run, {size:,} {'named' if named else 'unnamed'} nodes"
    for name in references:
        yield Result(9, work, name, times["ours"] / times[name], BUDGETS[name])


def _chain(size: int, *, named: bool) -> Any:
    node = step_node(0)
    for index in range(size):
        if named:
            node.set_name(f"step {index}")
        if index < size - 1:
            node = step_node(node)
    return node


def _second_run(leaf: Any, folder: Path) -> Any:
    again = LocalWorkflow(leaf, workflow_name="w")
    again.set_storage(FileStorage(folder))
    return again.run()


def _call(cached: Any, size: int) -> None:
    for value in range(size):
        cached(value)
