"""Prefect of the tests' own: quiet, offline, apart from the user's; and what its API tells."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from functionfuse.testing import require
from processes import free_port, started

SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "DO_NOT_TRACK": "1",
}
TIMEOUT_S = 120.0
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

T = TypeVar("T")


@contextmanager
def settings(home: Path) -> Iterator[Path]:
    """Keep Prefect's files and settings away from the user's, here and in child processes."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PREFECT_")]:
            patch.delenv(name)
        for name, value in {**SETTINGS, "PREFECT_HOME": str(home)}.items():
            patch.setenv(name, value)
        yield home


@contextmanager
def temporary_server() -> Iterator[Api]:
    """Run the flows of this process against Prefect's temporary server."""
    require("prefect")
    from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY
    from prefect.settings import temporary_settings as changed
    from prefect.testing.utilities import prefect_test_harness

    with (
        prefect_test_harness(server_startup_timeout=int(TIMEOUT_S)),
        # At the end of each flow Prefect waits up to a second for its heartbeats to stop.
        changed({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield Api(PREFECT_API_URL.value())


@contextmanager
def server(folder: Path) -> Iterator[Api]:
    """Run `prefect server start`, for processes that have its API as PREFECT_API_URL."""
    require("prefect")
    port = free_port()
    command = (sys.executable, "-m", "prefect", "server", "start", "--port", str(port))
    api = Api(f"http://127.0.0.1:{port}/api")
    # Its page asks another port unless told.
    environment = {**os.environ, "PREFECT_SERVER_UI_API_URL": api.url}
    with started(*command, log=folder / "server.log", env=environment) as process:
        wait_until(lambda: api.is_healthy() or process.poll() is not None, "a server")
        assert process.poll() is None, (folder / "server.log").read_text()
        yield api


def wait_until(is_so: Callable[[], T], what: str) -> T:
    """Return the first true thing that a function returns."""
    end = time.monotonic() + TIMEOUT_S
    while not (answer := is_so()):
        if time.monotonic() > end:
            pytest.fail(f"waited in vain for {what}")
        time.sleep(0.1)
    return answer


class Api:
    """A server's API, asked without Prefect."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, question: Any = None) -> Any:
        """Return the answer to a GET, or to a POST of a question."""
        data = None if question is None else json.dumps(question).encode()
        request = urllib.request.Request(
            f"{self.url}/{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)

    def is_healthy(self) -> bool:
        """Tell whether the server answers."""
        try:
            return bool(self.ask("health"))
        except OSError:
            return False

    def flow_runs(self, flow: str) -> list[dict[str, Any]]:
        """Return the runs of a flow, the last first."""
        question = {"flows": {"name": {"any_": [flow]}}, "sort": "EXPECTED_START_TIME_DESC"}
        runs: list[dict[str, Any]] = self.ask("flow_runs/filter", question)
        return runs

    def finished(self, flow_run_id: str) -> dict[str, Any]:
        """Return a flow run when it is finished."""

        def final() -> dict[str, Any] | None:
            run: dict[str, Any] = self.ask(f"flow_runs/{flow_run_id}")
            return run if run["state_type"] in FINAL else None

        found = wait_until(final, f"the end of flow run {flow_run_id}")
        assert found is not None
        return found

    def task_runs(self, flow_run_id: str, count: int) -> dict[str, dict[str, Any]]:
        """Return so many task runs of a flow run, by name, when they are finished."""

        def final() -> list[dict[str, Any]] | None:
            question = {"flow_runs": {"id": {"any_": [flow_run_id]}}}
            runs = self.ask("task_runs/filter", question)
            is_over = len(runs) >= count and all(run["state_type"] in FINAL for run in runs)
            return runs if is_over else None

        # What happens to tasks arrives at the server later, as events.
        runs = wait_until(final, f"{count} finished task runs") or []
        assert len(runs) == count
        return {run["name"]: run for run in runs}

    def states(self, flow_run_id: str, count: int) -> dict[str, str]:
        """Return the names of the states of so many task runs, by name."""
        runs = self.task_runs(flow_run_id, count)
        return {name: run["state_name"] for name, run in runs.items()}

    def edges(self, flow_run_id: str, count: int) -> set[tuple[str, str]]:
        """Return the edges that the page of a flow run draws, when it has so many nodes."""

        def drawn() -> dict[str, Any] | None:
            graph = self.ask(f"flow_runs/{flow_run_id}/graph-v2")
            return graph if len(graph["nodes"]) >= count else None

        graph = wait_until(drawn, f"a graph of {count} nodes") or {}
        nodes = dict(graph["nodes"])
        labels = {key: node["label"] for key, node in nodes.items()}
        return {
            (labels[parent["id"]], labels[key])
            for key, node in nodes.items()
            for parent in node["parents"]
        }

    def logs(self, flow_run_id: str, wanted: str) -> list[str]:
        """Return the messages logged in a flow run, when a wanted one is among them."""

        def found() -> list[str]:
            logs = self.ask("logs/filter", {"logs": {"flow_run_id": {"any_": [flow_run_id]}}})
            messages = [log["message"] for log in logs]
            return messages if any(wanted in message for message in messages) else []

        return wait_until(found, f"{wanted!r} in the logs")
