"""Row 10: nodes of 1 ms in two threads, against the executor's own `map`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from time import perf_counter
from typing import Any

from harness import Result, Scale, compare

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow

MOST_NODES = 10_000
WORKERS = 2
NODE_S = 0.001


def measure(scale: Scale) -> Iterator[Result]:
    """Run nodes that wait, and nodes that keep both cores busy; both release the GIL."""
    data = bytes(_hashed_bytes())
    works: dict[str, Callable[[int], Any]] = {
        "sleeping": lambda _: time.sleep(NODE_S),
        "hashing": lambda _: sha256(data).digest(),
    }
    few = scale._replace(seconds=0.0, least_rounds=min(scale.least_rounds, 2))
    size = scale.nodes_to(MOST_NODES)[-1]
    with ThreadPoolExecutor(WORKERS) as executor:
        for name, function in works.items():
            node = workflow(function)
            leaves = [node(index) for index in range(size)]
            times = compare(
                {
                    "ours": lambda: _run(leaves, executor),  # noqa: B023
                    "map": lambda: list(executor.map(function, range(size))),  # noqa: B023
                },
                few,
            )
            work = f"{size:,} nodes of 1 ms, {name}"
            yield Result(10, work, "executor.map", times["ours"] / times["map"], 1.1)


def _run(leaves: list[Any], executor: ThreadPoolExecutor) -> Any:
    both = LocalWorkflow(*leaves, workflow_name="both")
    both.set_executor(executor)
    return both.run()


def _hashed_bytes() -> int:
    """Return of how many bytes the hash takes 1 ms."""
    data = bytes(10**6)
    times = []
    for _ in range(20):
        start = perf_counter()
        sha256(data).digest()
        times.append(perf_counter() - start)
    return int(len(data) * NODE_S / min(times))
