"""Running the nodes of one component: fetch what they take, run, save, hand on."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cloudpickle

from functionfuse.arguments import Slot
from functionfuse.backends.addons.kfpcontainer._outcomes import Reported
from functionfuse.backends.addons.kfpcontainer._places import STORAGE
from functionfuse.backends.addons.kfpcontainer._references import (
    import_script,
    load_function,
    load_value,
)
from functionfuse.backends.addons.kfpcontainer._reuse import Decision, decide
from functionfuse.backends.addons.kfpcontainer._spec import (
    Argument,
    ComponentSpec,
    NodeSpec,
    Origin,
)
from functionfuse.errors import DamagedResultError
from functionfuse.saved import LOSSES
from functionfuse.storage.base import Storage
from functionfuse.storage.filestorage import FileKeeper
from functionfuse.storage.format import Header, StoredResult, encode, write
from functionfuse.storage.index import Saved
from functionfuse.storage.keeper import Stamp
from functionfuse.storage.lookup import describe_saved
from functionfuse.worker import Destination, NodeCall, Outcome, failure, run_node

__all__ = ["Component", "load_storage"]


class LostResultError(Exception):
    """A saved result that a node takes is damaged or gone."""

    def __init__(self, name: str, error: Exception) -> None:
        super().__init__(name)
        self.name = name
        self.error = error


class Component:
    """The nodes of a component.

    Parameters
    ----------
    spec
        What they share.
    nodes
        The nodes, in the order in which they run.
    parameters
        The literal arguments that KFP passes, by name: JSON.
    inputs, outputs
        Paths of the artifacts, by name.
    """

    def __init__(
        self,
        spec: ComponentSpec,
        nodes: Sequence[NodeSpec],
        *,
        parameters: Mapping[str, str],
        inputs: Mapping[str, str],
        outputs: Mapping[str, str],
    ) -> None:
        self._spec = spec
        self._nodes = nodes
        self._parameters = parameters
        self._outputs = outputs
        if spec.script is not None:
            import_script(spec.script)
        self._storage: Storage | None = load_storage() if spec.has_storage else None
        self._inputs = {name: _open_artifact(path) for name, path in inputs.items()}
        self._results: list[Any] = [None] * len(nodes)
        self._reported: list[Reported] = []

    def run(self) -> list[Reported]:
        """Run the nodes, up to the first that fails; tell of each what became of it."""
        decisions = decide(
            self._nodes, self._spec, self._storage, lambda name: self._inputs[name].header
        )
        needs_instance = self._spec.reuse is None or any(
            node.on_instance and node.save is not None and decision.saved is None
            for node, decision in zip(self._nodes, decisions, strict=True)
        )
        for index, (node, decision) in enumerate(zip(self._nodes, decisions, strict=True)):
            if needs_instance if node.on_instance else decision.saved is None:
                self._reported.append(self._run_node(index, node, decision))
                if self._reported[-1].outcome.error is not None:
                    break
            if decision.saved is not None:
                self._results[index] = decision.value
                started, duration = decision.saved.started, decision.saved.duration
                self._hand_on(
                    index, node, Header(node.name, decision.fingerprint, started, duration)
                )
        return self._reported

    def _run_node(self, index: int, node: NodeSpec, decision: Decision) -> Reported:
        started = time.time()
        try:
            call = self._call(node, decision)
        except LostResultError as lost:
            return Reported(lost.name, _failure(lost.error, started))
        except Exception as error:  # What it takes unpickles by code of its own.
            return Reported(node.name, _failure(error, started))
        outcome = run_node(call, None, cloudpickle)
        if outcome.error is not None or decision.saved is not None:
            return Reported(node.name, outcome)
        self._results[index] = outcome.value
        header = Header(node.name, decision.fingerprint, outcome.started, outcome.duration)
        try:
            self._hand_on(index, node, header)
        except Exception as error:  # It pickles by code of its own.
            return Reported(node.name, _failure(error, started))
        return Reported(node.name, outcome._replace(value=None))

    def _call(self, node: NodeSpec, decision: Decision) -> NodeCall:
        script = self._spec.script
        args = None if node.args is None else tuple(map(self._template, node.args))
        kwargs = {name: self._template(value) for name, value in (node.kwargs or {}).items()}
        initialize = None if node.initialize is None else load_value(node.initialize)
        return NodeCall(
            load_function(node.function, script),
            args,
            kwargs or None,
            [self._fetch(origin) for origin in node.parents],
            initialize,
            self._destination(node, decision),
        )

    def _template(self, argument: Argument) -> Any:
        if "parameter" in argument:
            return json.loads(self._parameters[argument["parameter"]])
        if "value" in argument:
            return load_value(argument["value"])
        return Slot(argument["parent"], tuple(argument["keys"]))

    def _fetch(self, origin: Origin) -> Any:
        """Return a parent's result."""
        if "node" in origin:
            return self._results[origin["node"]]
        if "artifact" in origin:
            return self._inputs[origin["artifact"]].load()
        if "saved" in origin:
            return self._load(origin["saved"])
        return None

    def _load(self, fields: Sequence[Any]) -> Any:
        assert self._storage is not None
        task, nbytes, version, *made_from = fields
        saved = Saved(task, Stamp(nbytes, version), *made_from)
        started = time.time()
        try:
            value = self._storage.read_saved(self._spec.workflow, saved)
        except LOSSES as error:
            if isinstance(error, DamagedResultError):
                # The next run finds it missing, and computes it.
                _remove_damaged(self._storage, self._spec.workflow, saved)
            raise LostResultError(task, error) from error
        outcome = Outcome(None, None, "", started, time.time() - started, None)
        self._reported.append(Reported(task, outcome))
        return value

    def _destination(self, node: NodeSpec, decision: Decision) -> Destination | None:
        is_stored = node.save is not None and node.save.is_stored and decision.saved is None
        if self._storage is None or not is_stored or decision.fingerprint is None:
            return None
        fingerprint = dict(decision.fingerprint)
        return Destination(self._storage, self._spec.workflow, node.name, fingerprint)

    def _hand_on(self, index: int, node: NodeSpec, header: Header) -> None:
        """Write a result as the artifact that other components take."""
        if node.output is None:
            return
        path = Path(self._outputs[node.output])
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write(encode(self._results[index], header), file.write)


def load_storage() -> Storage:
    """Return the storage whose handle the image holds."""
    storage: Storage = pickle.loads(Path(STORAGE).read_bytes())
    return storage


def _open_artifact(path: str) -> StoredResult:
    return StoredResult(FileKeeper("/").read(os.path.relpath(path, "/")), path)


def _remove_damaged(storage: Storage, workflow_name: str, saved: Saved) -> None:
    """Remove a damaged result, but none that another run has put in its place."""
    with contextlib.suppress(FileNotFoundError):
        try:
            header = storage.read_header(workflow_name, saved.task)
        except DamagedResultError:
            pass
        else:
            if describe_saved(header, saved.stamp).digest != saved.digest:
                return
        storage.remove_task(workflow_name, saved.task)


def _failure(error: BaseException, started: float) -> Outcome:
    return failure(error, started, time.time() - started, cloudpickle)
