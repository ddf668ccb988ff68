"""Rows 6 to 8: saving a result and reading it, against the usual ways to a file."""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from harness import Result, Scale, compare

from functionfuse.storage.filestorage import FileStorage

TMPFS = Path("/dev/shm")
"""Files in memory; where there is no such folder, only the page cache is measured."""

PLACES = {"tmpfs": TMPFS, "page cache": Path(tempfile.gettempdir())}
SAVE_BUDGETS = {"tmpfs": 1.25, "page cache": 1.75}
SMALL_BYTES = 10_000
LARGE_BYTES = 10**8
MOST_FRAME_BYTES = 10**8


def measure(scale: Scale) -> Iterator[Result]:
    """Save and read arrays and data frames of each size, in each place."""
    for place, root in PLACES.items():
        if not root.is_dir():
            continue
        for nbytes in scale.nbytes:
            if shutil.disk_usage(root).free < 6 * nbytes:
                continue
            with tempfile.TemporaryDirectory(dir=root) as folder:
                array = np.random.default_rng(0).random(nbytes // 8)
                yield from _measure_value(scale, Path(folder), place, "array", array)
                if SMALL_BYTES < nbytes <= MOST_FRAME_BYTES:
                    frame = pd.DataFrame(array.reshape(-1, 10))
                    yield from _measure_value(scale, Path(folder), place, "data frame", frame)
                del array


def _measure_value(
    scale: Scale, folder: Path, place: str, kind: str, value: Any
) -> Iterator[Result]:
    storage = FileStorage(folder / "ours")
    storage.new_workflow("w")
    paths = {way: folder / way for way in ("np.save.npy", "pickle.dump", "joblib.dump")}
    numpy_path, pickle_path, joblib_path = paths.values()
    nbytes = value.nbytes if kind == "array" else int(value.memory_usage(index=False).sum())
    work = f"{kind} of {_shown(nbytes)}, {place}"

    saves: dict[str, Callable[[], Any]] = {
        "ours": lambda: storage.save("w", "t", value),
        "pickle.dump": lambda: _pickle(value, pickle_path),
        "joblib.dump": lambda: joblib.dump(value, joblib_path),
    }
    removals: dict[str, Callable[[], Any]] = {
        "ours": lambda: storage.remove_task("w", pattern="t"),
        "pickle.dump": lambda: pickle_path.unlink(missing_ok=True),
        "joblib.dump": lambda: joblib_path.unlink(missing_ok=True),
    }
    reads: dict[str, Callable[[], Any]] = {
        "ours": lambda: storage.read_task("w", "t"),
        "joblib.load": lambda: joblib.load(joblib_path),
    }
    if kind == "array":
        saves["np.save"] = lambda: np.save(numpy_path, value)
        removals["np.save"] = lambda: numpy_path.unlink(missing_ok=True)
        reads["np.load"] = lambda: np.load(numpy_path)
    else:
        reads["pickle.load"] = lambda: pickle.loads(pickle_path.read_bytes())

    times = compare(saves, scale, removals)
    reference, ratio = _against_fastest(times)
    budget = 2.0 if nbytes < SMALL_BYTES else SAVE_BUDGETS[place]
    yield Result(6, f"save {work}", reference, ratio, budget)

    times = compare(reads, scale)
    reference, ratio = _against_fastest(times)
    read_budget = None if nbytes < SMALL_BYTES else 2.5 if nbytes < LARGE_BYTES else 1.3
    yield Result(7, f"read {work}", reference, ratio, read_budget)

    if kind == "array" and nbytes >= SMALL_BYTES:
        times = compare(
            {
                "ours": lambda: storage.read_task("w", "t", verify=False),
                "numpy": lambda: np.load(numpy_path, mmap_mode="r"),
            },
            scale,
        )
        reference = 'np.load(mmap_mode="r")'
        yield Result(8, f"map {work}", reference, times["ours"] / times["numpy"], 1.5)


def _against_fastest(times: Mapping[str, float]) -> tuple[str, float]:
    """Return the fastest reference, and the ratio to it."""
    name = min(times.keys() - {"ours"}, key=times.__getitem__)
    return name, times["ours"] / times[name]


def _pickle(value: Any, path: Path) -> None:
    with path.open("wb") as file:
        pickle.dump(value, file, protocol=5)


def _shown(nbytes: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if nbytes >= size:
            return f"{nbytes // size} {unit}"
    return f"{nbytes // 1000} KB"
