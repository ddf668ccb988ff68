"""Row 9: a second run of which only the leaf is wanted, against reading what is stored."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
from graphs import step
from harness import Result, Scale, compare

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.storage.filestorage import FileStorage

MOST_NODES = 100_000
MOST_MEMORY_NODES = 10_000
"""Nodes beyond which joblib's first run alone takes minutes."""

step_node = workflow(step)


def measure(scale: Scale) -> Iterator[Result]:
    """Store a chain whose nodes are unnamed, or named, and run it again."""
    for size in scale.nodes_to(MOST_NODES):
        for named in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                yield from _measure_size(scale, Path(folder), size, named=named)


def _measure_size(scale: Scale, folder: Path, size: int, *, named: bool) -> Iterator[Result]:
    leaf = _chain(size, named=named)
    _second_run(leaf, folder)
    work = f"second run, {size:,} {'named' if named else 'unnamed'} nodes"
    plain = folder / "plain"
    plain.mkdir()
    paths = [plain / str(index) for index in range(size)]
    for path in paths:
        path.write_bytes(pickle.dumps(1, protocol=5))
    times = compare(
        {"ours": lambda: _second_run(leaf, folder), "read": lambda: _read_all(paths)}, scale
    )
    yield Result(9, work, "unpickling every file", times["ours"] / times["read"], 0.25)
    if size > MOST_MEMORY_NODES or named:
        return
    cached = joblib.Memory(folder / "joblib", verbose=0).cache(step)
    times = compare(
        {"ours": lambda: _second_run(leaf, folder), "memory": lambda: _call(cached, size)}, scale
    )
    yield Result(9, work, "joblib.Memory", times["ours"] / times["memory"], 0.05)


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
    again.set_storage(FileStorage(folder / "ours"))
    return again.run()


def _read_all(paths: list[Path]) -> list[Any]:
    results = []
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123  The faster way.
            results.append(pickle.load(file))
    return results


def _call(cached: Any, size: int) -> None:
    for value in range(size):
        cached(value)
