"""Rows 12 to 15: running on Ray, against Ray written by hand, on two CPUs of this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
import ray_by_hand as by_hand
from graphs import SHAPES, total_node
from harness import Result, Scale, compare

from functionfuse import workflow
from functionfuse.backends.builtin.rayback import RayWorkflow
from functionfuse.storage.base import Storage
from functionfuse.storage.filestorage import FileStorage
from functionfuse.storage.rayfilestorage import FileStorage as RayFileStorage

NODES = 1_000
SAVED_NODES = 200
ARRAYS = 10
ARRAY_BYTES = 10**8
LITERAL_BYTES = 20 * 10**6
CONSUMERS = 30
SAVES_AT_ONCE = 4
"""More would have Ray start a process for each, which then slow down all that follows."""
STORE_BYTES = 10**9
NAME = "w"
HAND_WRITTEN = "hand-written Ray"
HAND_WRITTEN_SHAPES = {"chain": by_hand.chain, "fan": by_hand.fan}
SETTINGS = {
    "PYTHONPATH": str(Path(__file__).parent),
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
}

array_node, plus_one_node = workflow(by_hand.array_of), workflow(by_hand.plus_one)
length_node = workflow(by_hand.length)


def measure(scale: Scale) -> Iterator[Result]:
    """Run the same graphs in both ways; a workflow is made and run each time."""
    longer = scale._replace(seconds=40 * scale.seconds)  # One run takes about a second.
    with tempfile.TemporaryDirectory(prefix="ray") as folder, _running_ray(folder):
        yield from _measure_graphs(longer)
        yield from _measure_arrays(longer)
        yield from _measure_storage(longer, Path(folder))
        yield from _measure_literal(longer)


@contextmanager
def _running_ray(folder: str) -> Iterator[None]:
    """Run a Ray that keeps away from the user's; this process does nothing else."""
    os.environ.update(SETTINGS, HOME=folder, RAY_TMPDIR=folder)
    ray.init(
        address="local",
        num_cpus=2,
        resources={"_disk": 1},
        object_store_memory=STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    try:
        yield
    finally:
        ray.shutdown()


def _measure_graphs(scale: Scale) -> Iterator[Result]:
    for shape, submit in HAND_WRITTEN_SHAPES.items():
        leaf = SHAPES[shape][0](NODES)
        times = compare(
            {
                "ours": lambda: _run(leaf),  # noqa: B023
                "hand": lambda: by_hand.result(submit(NODES)),  # noqa: B023
            },
            scale,
        )
        ratio = times["ours"] / times["hand"]
        yield Result(12, f"Ray {shape}, {NODES:,} nodes", HAND_WRITTEN, ratio, 1.1)


def _measure_arrays(scale: Scale) -> Iterator[Result]:
    nbytes = max(size for size in scale.nbytes if size <= ARRAY_BYTES)
    leaf = array_node(nbytes)
    for _ in range(ARRAYS - 1):
        leaf = plus_one_node(leaf)
    times = compare(
        {
            "ours": lambda: _run(leaf),
            "hand": lambda: by_hand.result(by_hand.arrays(ARRAYS, nbytes)),
        },
        scale,
    )
    work = f"Ray chain of {ARRAYS} arrays of {nbytes // 10**6} MB"
    yield Result(12, work, HAND_WRITTEN, times["ours"] / times["hand"], 1.1)


def _measure_storage(scale: Scale, folder: Path) -> Iterator[Result]:
    disk = {"path": str(folder / "disk"), "remoteArgs": {"resources": {"_disk": 0.001}}}
    storages = {"file": FileStorage(folder / "file"), "Ray file": RayFileStorage(disk)}
    for kind, storage in storages.items():
        for shape in HAND_WRITTEN_SHAPES:
            yield from _measure_shape(scale, kind, storage, shape, folder / "hand")


def _measure_shape(
    scale: Scale, kind: str, storage: Storage, shape: str, folder: Path
) -> Iterator[Result]:
    leaf, submit = SHAPES[shape][0](SAVED_NODES), HAND_WRITTEN_SHAPES[shape]

    def clear_folder() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()

    times = compare(
        {
            "first": lambda: _run(leaf, storage),
            "second": lambda: _run(leaf, storage),
            "hand": lambda: by_hand.saved_result(submit(SAVED_NODES), folder, SAVES_AT_ONCE),
        },
        scale,
        {"first": lambda: storage.remove_workflow(NAME), "hand": clear_folder},
    )
    work = f"Ray {shape}, {SAVED_NODES} nodes, {kind} storage"
    yield Result(13, work, f"{HAND_WRITTEN} that saves", times["first"] / times["hand"], 1.2)
    yield Result(14, f"second run, {work}", "its first run", times["second"] / times["first"], 0.1)


def _measure_literal(scale: Scale) -> Iterator[Result]:
    value = bytes(LITERAL_BYTES)
    leaf = total_node([length_node(value) for _ in range(CONSUMERS)])
    times = compare(
        {
            "ours": lambda: _run(leaf),
            "hand": lambda: by_hand.result(by_hand.literal(CONSUMERS, value)),
        },
        scale,
    )
    work = f"Ray, literal of 20 MB for {CONSUMERS} nodes"
    yield Result(15, work, f"{HAND_WRITTEN}, one put", times["ours"] / times["hand"], 1.2)


def _run(leaf: Any, storage: Storage | None = None) -> Any:
    """Make a workflow, as a script does, and run it."""
    new = RayWorkflow(leaf, workflow_name=NAME)
    if storage is not None:
        new.set_storage(storage)
    return new.run(return_results=True)
