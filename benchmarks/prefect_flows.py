"""Row 16: Prefect, with a real server, against a flow of the same tasks written by hand.

Prefect's own times scatter widely from flow to flow, so pairs are timed, each in both orders by
turns, and the median of their ratios counts. By how much the reference scatters against itself
stands beside.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from harness import FULL, Result, Scale
from servers import free_port, running

NODES = 100
PAIRS = 30
WORKERS = 6
START_TIMEOUT_S = 120.0
SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "ERROR",
}


def measure(scale: Scale) -> Iterator[Result]:
    """Run a root, a fan of nodes over it, and one node that takes them all."""
    pairs = PAIRS if scale.least_rounds == FULL.least_rounds else 1
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)):
        ours, by_hand = _contestants()
        for run in (ours, by_hand):
            run()  # The warm-up does not count.
        ratios = [_ratio(ours, by_hand, swapped=bool(pair % 2)) for pair in range(pairs)]
        scatter = [_ratio(by_hand, by_hand, swapped=bool(pair % 2)) for pair in range(pairs)]
    work = f"fan of {NODES} nodes as a flow"
    yield Result(16, f"{work}, median of {pairs} pairs", "flow by hand", median(ratios), 1.2)
    yield Result(16, "the reference, likewise", "itself", median(scatter), None)
    yield Result(16, f"{work}, least of {pairs} pairs", "flow by hand", min(ratios), None)
    yield Result(16, f"{work}, greatest of {pairs} pairs", "flow by hand", max(ratios), None)


def _contestants() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return our flow and the other; Prefect is imported only now, when it is set up."""
    from prefect import flow, task
    from prefect.task_runners import ThreadPoolTaskRunner

    from functionfuse import workflow
    from functionfuse.backends.addons.prefectback import PrefectWorkflow

    def load() -> int:
        return 1

    def add(x: int, y: int) -> int:
        return x + y

    def total(values: list[int]) -> int:
        return sum(values)

    runner: Any = ThreadPoolTaskRunner(max_workers=WORKERS)
    node_of = {function: workflow(function) for function in (load, add, total)}
    root: Any = node_of[load]().set_name("root")
    fan: Any = [node_of[add](root, i).set_name(f"add {i}") for i in range(NODES - 2)]
    ours = PrefectWorkflow(node_of[total](fan).set_name("total"), workflow_name="ours")
    ours.set_prefect_flow_options({"task_runner": runner})

    task_of = {function: task(function) for function in (load, add, total)}

    @flow(task_runner=runner)
    def by_hand() -> int:
        root = task_of[load].with_options(task_run_name="root").submit()
        fan = [
            task_of[add].with_options(task_run_name=f"add {i}").submit(root, i)
            for i in range(NODES - 2)
        ]
        return task_of[total].with_options(task_run_name="total").submit(fan).result()

    return ours.run, by_hand


def _ratio(work: Callable[[], Any], reference: Callable[[], Any], *, swapped: bool) -> float:
    seconds = [_time(call) for call in ((reference, work) if swapped else (work, reference))]
    return seconds[1] / seconds[0] if swapped else seconds[0] / seconds[1]


def _time(call: Callable[[], Any]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


@contextmanager
def _server(folder: Path) -> Iterator[None]:
    """Run a server of this benchmark's own, which this process then talks to."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    os.environ.update(SETTINGS, PREFECT_HOME=str(folder), PREFECT_API_URL=url)
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with running(command, f"{url}/health", folder / "log", START_TIMEOUT_S):
        yield
