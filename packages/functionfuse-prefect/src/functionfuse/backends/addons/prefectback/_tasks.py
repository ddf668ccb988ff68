"""What runs as Prefect's tasks: nodes, and the saved results of nodes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import cloudpickle
from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.logging.handlers import APILogHandler
from prefect.settings import get_current_settings
from prefect.states import Completed

from functionfuse.storage.index import Saved
from functionfuse.worker import NodeCall, Outcome, carry, run_node

__all__ = ["CACHED", "Result", "Spec", "make_task"]

CACHED = "Cached"
"""Name that Prefect gives the state of what was not run because its result was there."""

_ENGINE_LOGGERS = ("prefect", "httpx", "httpcore")


class Spec:
    """What a task is given beside the results of its node's parents.

    This and `Result` are no tuples, lists or dictionaries: in these Prefect visits every
    member, at each task and for each consumer, to find what is its own.

    Parameters
    ----------
    name
        Name of the node.
    node_call
        What is called; None for a saved result that nothing needs.
    driver_pid
        Process of the driver.
    """

    __slots__ = ("driver_pid", "name", "node_call")

    def __init__(self, name: str, node_call: NodeCall | None, driver_pid: int) -> None:
        self.name = name
        self.node_call = node_call
        self.driver_pid = driver_pid


class Result:
    """What a task returns.

    Parameters
    ----------
    value
        The node's result.
    started
        When the node started, in seconds since the epoch.
    duration
        How long it ran, in seconds.
    saved
        What is known of the saved result.
    worker
        What ran the node, as people call it.
    """

    # By weak references Prefect tells one result from another at the same address.
    __slots__ = ("__weakref__", "duration", "saved", "started", "value", "worker")

    def __init__(
        self,
        value: Any,
        started: float,
        duration: float,
        saved: Saved | None,
        worker: str = "",
    ) -> None:
        self.value = value
        self.started = started
        self.duration = duration
        self.saved = saved
        self.worker = worker

    def to_outcome(self) -> Outcome:
        """Return what a run is told, without the value."""
        return Outcome(None, None, "", self.started, self.duration, self.saved, self.worker)


def make_task(options: Mapping[str, Any], *, is_saved: bool) -> Task[Any, Any]:
    """Make the task of a node, or of a saved result, with options of Prefect."""
    function = _show_saved if is_saved else _run_node
    # As Prefect's decorator does, but that only one thing decides reuse unless asked.
    defaults = {"cache_policy": NO_CACHE, "log_prints": None, "task_run_name": _name_of}
    return Task(function, **{**defaults, **options})


def _name_of(parameters: dict[str, Any]) -> str:
    name: str = parameters["spec"].name
    return name


def _run_node(spec: Spec, parents: Sequence[Result]) -> State[Result]:
    """Run a node with its parents' results."""
    assert spec.node_call is not None
    values = [parent.value for parent in parents]
    return Completed(data=_run(spec.node_call._replace(values=values), spec.driver_pid))


def _show_saved(spec: Spec, parents: Sequence[Result]) -> State[Result]:
    """Load a saved result, or only show that there is one."""
    if spec.node_call is None:
        return Completed(name=CACHED, message="nothing needs it", data=Result(None, 0.0, 0.0, None))
    result = _run(spec.node_call, spec.driver_pid)
    return Completed(name=CACHED, message="loaded from the storage", data=result)


def _run(node_call: NodeCall, driver_pid: int) -> Result:
    with _logs_shown():
        outcome = run_node(node_call, driver_pid, cloudpickle)
    if outcome.error is not None:
        carry(outcome)
        raise outcome.error
    return Result(outcome.value, outcome.started, outcome.duration, outcome.saved, outcome.worker)


@contextmanager
def _logs_shown() -> Iterator[None]:
    """Have Prefect show what a node logs, as it shows what the node prints."""
    context = TaskRunContext.get()
    if context is None or not context.log_prints:
        yield
        return
    thread = threading.get_ident()
    shown_already = (*_ENGINE_LOGGERS, *(get_current_settings().logging.extra_loggers or ()))
    handler = APILogHandler()
    handler.addFilter(
        lambda record: record.thread == thread and not record.name.startswith(shown_already)
    )
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
