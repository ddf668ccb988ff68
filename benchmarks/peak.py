"""Row 5: peak memory of 200 chains of arrays, against the loop written by hand.

Each chain makes a 10 MB array, changes it three times and ends in a number, so a loop
holds two arrays at once. Each way runs in a process of its own, and what that process
took before it began does not count. Of the arrays none may be kept by malloc after it is
freed, which it would do by chance in threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from harness import Result, Scale

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow

CHAINS = 200
ARRAY_BYTES = 10_000_000
STATUS = Path("/proc/self/status")
WORKERS = 2


def make(seed: int) -> Any:
    """Return the array that a chain starts with."""
    return np.full(ARRAY_BYTES // 8, float(seed))


def change(array: Any) -> Any:
    """Return an array computed from another."""
    return array + 1.0


def measure(_: Scale) -> Iterator[Result]:
    """Compare peaks; where the system does not tell them, nothing."""
    if not STATUS.exists():
        return
    by_hand = _peak("hand")
    work = f"peak of {CHAINS} chains of 10 MB arrays"
    yield Result(5, f"{work}, serial", "loop", _peak("serial") / by_hand, 1.2)
    yield Result(5, f"{work}, {WORKERS} threads", "loop", _peak("threads") / by_hand, 1.2 * WORKERS)


def _peak(way: str) -> int:
    """Return how many bytes a way of computing takes more than its process did before."""
    command = [sys.executable, __file__, way]
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "1000000"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return int(done.stdout)


def by_hand() -> float:
    """Compute it in a loop."""
    sums = []
    for seed in range(CHAINS):
        array = make(seed)
        for _ in range(3):
            array = change(array)
        sums.append(array.sum())
        del array
    return sum(sums)


def by_workflow(executor: ThreadPoolExecutor | None = None) -> float:
    """Compute it in a workflow."""
    make_node, change_node = workflow(make), workflow(change)
    sum_node, total_node = workflow(np.sum), workflow(sum)
    sums = []
    for seed in range(CHAINS):
        array = make_node(seed)
        for _ in range(3):
            array = change_node(array)
        sums.append(sum_node(array))
    chains = LocalWorkflow(total_node(sums), workflow_name="chains")
    chains.set_executor(executor)
    return chains.run()


def _status_bytes(name: str) -> int:
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return 1024 * int(lines[name].split()[0])


def main(way: str) -> None:
    """Compute in one way and print by how many bytes the process grew."""
    change(make(0)).sum()  # What numpy needs once is no one's.
    with ThreadPoolExecutor(WORKERS) as executor:
        before = _status_bytes("VmRSS")
        if way == "hand":
            by_hand()
        else:
            by_workflow(executor if way == "threads" else None)
    print(_status_bytes("VmHWM") - before)


if __name__ == "__main__":
    main(sys.argv[1])
