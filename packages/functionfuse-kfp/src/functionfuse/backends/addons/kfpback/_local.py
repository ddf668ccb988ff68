"""Running a compiled pipeline on this machine's Docker: the same containers, without a cluster.

KFP's own local runner is not used: it runs one container at a time, can report success for
one that failed, and stops all at the first failure.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

from functionfuse.backends.addons.kfpback._components import Component
from functionfuse.backends.addons.kfpback._container import Container, limits
from functionfuse.backends.addons.kfpback._content import Content
from functionfuse.backends.addons.kfpback._pipeline import Pipeline
from functionfuse.backends.addons.kfpcontainer import OUTCOMES_VARIABLE, STORAGE, load_outcomes
from functionfuse.errors import NodeError
from functionfuse.plan import Action
from functionfuse.run import Run
from functionfuse.saved import LOSSES, Replan
from functionfuse.storage.base import Storage
from functionfuse.storage.filestorage import FileKeeper, FileStorage
from functionfuse.storage.format import StoredResult
from functionfuse.worker import Outcome

__all__ = ["run_locally"]

HANDLE = ".storage"
"""File of the storage's handle; no component has a name that begins so."""

SECRET_VARIABLES = ("AWS_",)
"""Beginnings of the variables that a storage may take its credentials from."""


def run_locally(
    run: Run,
    client: Any,
    pipeline: Pipeline,
    content: Content,
    storage: Storage | None,
) -> Any:
    """Run a pipeline; return what the run returns.

    Parameters
    ----------
    run
        The run, with its plan.
    client
        Of the Docker Engine.
    pipeline
        The compiled pipeline.
    content
        What it was compiled from.
    storage
        Where results are saved, if anywhere.

    Raises
    ------
    Replan
        If a saved result that a node needed is damaged or gone.
    Exception
        What a node raised.
    """
    with tempfile.TemporaryDirectory(prefix="functionfuse-kfp-") as folder:
        return _Local(run, client, pipeline, content, storage, Path(folder)).run()


class _Ended(NamedTuple):
    """How a container ended."""

    exit_code: int
    reported: Sequence[Any]
    lines: Sequence[str]
    started: float


class _Local:
    def __init__(
        self,
        run: Run,
        client: Any,
        pipeline: Pipeline,
        content: Content,
        storage: Storage | None,
        folder: Path,
    ) -> None:
        self._run = run
        self._client = client
        self._pipeline = pipeline
        self._components = {component.name: component for component in content.components}
        self._storage = storage
        self._folder = folder
        self._containers: set[Container] = set()
        self._is_stopped = False
        self._error: BaseException | None = None
        self._has_lost = False
        if content.storage is not None:
            (folder / HANDLE).write_bytes(content.storage)

    def run(self) -> Any:
        tasks = self._pipeline.spec["root"]["dag"]["tasks"]
        sorter = TopologicalSorter(
            {name: task.get("dependentTasks", ()) for name, task in tasks.items()}
        )
        sorter.prepare()
        running: dict[Future[_Ended], str] = {}
        executor = ThreadPoolExecutor(os.cpu_count() or 1, "functionfuse-kfp")
        try:
            while sorter.is_active() or running:
                if not self._is_over:
                    for name in sorter.get_ready():
                        if self._is_blocked(name):
                            sorter.done(name)
                        else:
                            running[executor.submit(self._run_container, name)] = name
                if running:
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        name = running.pop(future)
                        self._collect(self._components[name], future)
                        sorter.done(name)
                elif self._is_over:
                    break
        finally:
            self._is_stopped = True
            for container in list(self._containers):  # Only after Ctrl-C are there any.
                container.kill()
            executor.shutdown(cancel_futures=True)
        if self._error is not None:
            raise self._error
        if self._has_lost:
            raise Replan
        return self._run.returned(self._results())

    @property
    def _is_over(self) -> bool:
        return self._error is not None or self._has_lost

    def _is_blocked(self, name: str) -> bool:
        component = self._components[name]
        if not self._run.blocked:
            return False
        blocked = [self._run.is_blocked(position) for position in component.positions]
        return any(blocked)

    def _run_container(self, name: str) -> _Ended:
        retries = self._pipeline.spec["root"]["dag"]["tasks"][name].get("retryPolicy", {})
        attempts = 1 + int(retries.get("maxRetryCount", 0))
        for _ in range(attempts - 1):
            ended = self._attempt(name)
            if ended.exit_code == 0 or self._lost(ended):
                return ended
        return self._attempt(name)

    def _attempt(self, name: str) -> _Ended:
        started = time.time()
        if self._is_over or self._is_stopped:
            return _Ended(0, (), (), started)
        place = self._folder / name
        place.mkdir(exist_ok=True)
        outcomes = place / ".outcomes"
        outcomes.unlink(missing_ok=True)
        label = f"exec-{name}"
        spec = self._pipeline.spec["deploymentSpec"]["executors"][label]["container"]
        platform = self._pipeline.platform.get("platforms", {}).get("kubernetes", {})
        options = platform.get("deploymentSpec", {}).get("executors", {}).get(label, {})
        deadline = options.get("activeDeadlineSeconds")
        title = self._components[name].title
        container = Container(
            title,
            self._client,
            spec["image"],
            [*spec["command"], *self._arguments(name, spec["args"])],
            environment={**self._environment(spec), OUTCOMES_VARIABLE: str(outcomes)},
            volumes=self._volumes(),
            network_mode="host",
            user=f"{os.getuid()}:{os.getgid()}",
            **limits(spec.get("resources", {})),
        )
        self._containers.add(container)
        if self._is_stopped:
            container.kill()
        for position in self._components[name].positions:
            self._run.start_elsewhere(position)
        try:
            exit_code, lines = container.run(float(deadline) if deadline else None)
        finally:
            self._containers.discard(container)
        reported = load_outcomes(outcomes.read_bytes()) if outcomes.exists() else ()
        return _Ended(exit_code, reported, lines, started)

    def _arguments(self, name: str, arguments: Sequence[str]) -> list[str]:
        """Put paths, and the executor's input, in the places that KFP would put them in."""
        task = self._pipeline.spec["root"]["dag"]["tasks"][name]
        component = self._components[name]
        parameters = {
            key: value["runtimeValue"]["constant"]
            for key, value in task.get("inputs", {}).get("parameters", {}).items()
        }
        executor_input = {"inputs": {"parameterValues": parameters}}
        paths = {"{{$}}": json.dumps(executor_input)}
        for key, (producer, output) in component.inputs.items():
            path = self._folder / producer / output
            paths[f"{{{{$.inputs.artifacts['{key}'].path}}}}"] = str(path)
        for key in component.outputs.values():
            paths[f"{{{{$.outputs.artifacts['{key}'].path}}}}"] = str(self._folder / name / key)
        return [_replace(argument, paths) for argument in arguments]

    def _environment(self, spec: Mapping[str, Any]) -> dict[str, str]:
        own = {entry["name"]: entry["value"] for entry in spec.get("env", ())}
        secrets = {
            name: value
            for name, value in os.environ.items()
            if self._storage is not None and name.startswith(SECRET_VARIABLES)
        }
        return {"HOME": "/tmp", **secrets, **own}

    def _volumes(self) -> dict[str, dict[str, str]]:
        volumes = {str(self._folder): {"bind": str(self._folder), "mode": "rw"}}
        if self._storage is not None:
            handle = str(self._folder / HANDLE)
            volumes[handle] = {"bind": STORAGE, "mode": "ro"}
        if isinstance(self._storage, FileStorage):
            root = self._storage.root
            volumes[root] = {"bind": root, "mode": "rw"}
        return volumes

    def _lost(self, ended: _Ended) -> bool:
        """Tell whether a saved result turned out damaged or gone, which no retry mends."""
        return any(
            isinstance(entry.outcome.error, LOSSES)
            and self._run.plan.actions[self._run.graph.by_name[entry.name]] is Action.LOAD
            for entry in ended.reported
        )

    def _collect(self, component: Component, future: Future[_Ended]) -> None:
        ended = future.result()
        graph, plan = self._run.graph, self._run.plan
        failed = False
        for name, told in ended.reported:
            outcome = told._replace(worker="")  # Each container calls its process 1.
            position = graph.by_name[name]
            action = plan.actions[position]
            if outcome.error is not None:
                failed = True
                if action is Action.LOAD and isinstance(outcome.error, LOSSES):
                    self._run.lose(position, outcome.error)
                    self._has_lost = True
                else:
                    self._fail(position, outcome)
            elif action is Action.EXECUTE:
                self._run.finish_elsewhere(position, outcome)
            elif action is Action.LOAD:
                self._run.load_elsewhere(position, outcome)
        told_nothing = not ended.reported and not self._is_over
        if not failed and (ended.exit_code or told_nothing):
            self._fail(component.positions[0], _death(component, ended))
        self._run.running.difference_update(component.positions)  # Nothing is told of a replay.

    def _fail(self, position: int, outcome: Outcome) -> None:
        if self._run.fail_elsewhere(position, outcome) and self._error is None:
            self._error = outcome.error

    def _results(self) -> list[Any]:
        graph, plan = self._run.graph, self._run.plan
        results: list[Any] = [None] * len(graph)
        paths = {
            position: self._folder / component.name / output
            for component in self._components.values()
            for position, output in component.outputs.items()
        }
        for position in plan.returned:
            if plan.actions[position] is Action.LOAD:
                results[position] = self._run.load(position)
            elif not self._run.has_failed:
                path = str(paths[position])
                data = FileKeeper("/").read(os.path.relpath(path, "/"))
                results[position] = StoredResult(data, path).load()
        return results


def _replace(argument: str, texts: Mapping[str, str]) -> str:
    """Replace the placeholder that an argument is, or ends in."""
    start = argument.find("{{$")
    return argument if start < 0 else argument[:start] + texts[argument[start:]]


def _death(component: Component, ended: _Ended) -> Outcome:
    """Return the failure of a container that told nothing."""
    why = {
        0: " and told nothing of its nodes",
        137: " (it was killed, perhaps for the memory it took)",
    }.get(ended.exit_code, "")
    said = "\n".join(ended.lines)
    msg = f"the container of {component.title!r} ended with code {ended.exit_code}{why}:\n{said}"
    return Outcome(None, NodeError(msg), "", ended.started, time.time() - ended.started, None)
