"""Running one node somewhere else: in a thread, another process, or on another machine."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, NamedTuple

from functionfuse.errors import NodeError
from functionfuse.execution import Awaiter, execute
from functionfuse.storage.base import Storage
from functionfuse.storage.index import Saved

__all__ = ["Destination", "NodeCall", "Outcome", "carry", "failure", "outcome_of", "run_node"]

_CARRIED = "_functionfuse_outcome"

_initialized_lock = threading.RLock()


class Destination(NamedTuple):
    """Where a node's result is saved, and what is noted with it; it goes to workers."""

    storage: Storage
    workflow_name: str
    name: str
    fingerprint: dict[str, Any]

    def save(self, value: Any, started: float, duration: float) -> tuple[Any, Saved]:
        """Save a result; return what its consumers get, and what is known of it now.

        Parameters
        ----------
        value
            The result.
        started
            When the node started, in seconds since the epoch.
        duration
            How long it ran, in seconds.
        """
        saved = self.storage.save(
            self.workflow_name,
            self.name,
            value,
            fingerprint=self.fingerprint,
            started=started,
            duration=duration,
        )
        if self.storage.always_read:
            value = self.storage.read_task(self.workflow_name, self.name)
        return value, saved


class NodeCall(NamedTuple):
    """All that a worker needs to run a node."""

    func: Callable[..., Any]
    args: tuple[Any, ...] | None
    kwargs: dict[str, Any] | None
    values: list[Any]
    """The parents' results."""
    initialize: Callable[[], Any] | None = None
    """What a plugin calls before the node."""
    destination: Destination | None = None


class Outcome(NamedTuple):
    """What became of a node in a worker."""

    value: Any
    error: BaseException | None
    traceback: str
    """Of the error, as text, if it comes from another process."""
    started: float
    """Seconds since the epoch."""
    duration: float
    """Seconds."""
    saved: Saved | None
    worker: str = ""
    """What ran the node, as people call it; "" if that is not known."""


def run_node(call: NodeCall, driver_pid: int | None, pickler: Any = pickle) -> Outcome:
    """Run a node and save its result here, where it was made.

    Parameters
    ----------
    call
        The node.
    driver_pid
        Process of the driver, None if that is on another machine: an error for another
        process is made fit to travel.
    pickler
        Module that errors travel by: `pickle`, or one like it.

    Returns
    -------
    Outcome
        With the error that the node raised, if any: what this function itself raises is
        no fault of the node's function.
    """
    started, start = time.time(), time.perf_counter()
    try:
        with Awaiter() as awaiter, _one_at_a_time(call):
            if call.initialize is not None:
                call.initialize()
            value = execute(call.func, call.args, call.kwargs, call.values, awaiter)
        duration = time.perf_counter() - start
        saved = None
        if call.destination is not None:
            value, saved = call.destination.save(value, started, duration)
    except BaseException as error:
        duration = time.perf_counter() - start
        if os.getpid() == driver_pid:
            return Outcome(None, error, "", started, duration, None, _worker(driver_pid))
        return failure(error, started, duration, pickler)._replace(worker=_worker(driver_pid))
    return Outcome(value, None, "", started, duration, saved, _worker(driver_pid))


def failure(error: BaseException, started: float, duration: float, pickler: Any) -> Outcome:
    """Return the outcome of a failure, fit to travel to another process; see `Outcome`."""
    import traceback

    text = "".join(traceback.format_exception(error))
    return Outcome(None, _portable(error, pickler), text, started, duration, None)


def carry(outcome: Outcome) -> None:
    """Have an error carry its outcome, where an engine carries nothing but the error."""
    told = outcome._replace(error=None)
    vars(outcome.error)[_CARRIED] = told  # Not by `setattr`: an exception may be frozen.


def outcome_of(error: BaseException) -> Outcome:
    """Return the outcome that an error carries, or one made now if it carries none.

    That is so if the worker died, say, or what it was given or gave could not be sent.
    """
    told = vars(error).pop(_CARRIED, Outcome(None, None, "", time.time(), 0.0, None))
    outcome: Outcome = told._replace(error=error)
    return outcome


def _worker(driver_pid: int | None) -> str:
    """Return what people call this thread, process or process of another machine."""
    if os.getpid() == driver_pid:
        return threading.current_thread().name.replace("ThreadPoolExecutor-", "thread ")
    process = f"process {os.getpid()}"
    return process if driver_pid is not None else f"{_machine()} {process}"


@cache
def _machine() -> str:
    import platform

    return platform.node()


def _one_at_a_time(call: NodeCall) -> AbstractContextManager[Any]:
    """Keep nodes with plugins apart: they prepare what all threads share, such as seeds."""
    return nullcontext() if call.initialize is None else _initialized_lock


def _portable(error: BaseException, pickler: Any) -> BaseException:
    """Return an exception that can be rebuilt in another process."""
    try:
        rebuilt = pickler.loads(pickler.dumps(error))
    except Exception:  # Exceptions pickle by code of their own.
        rebuilt = None
    if type(rebuilt) is type(error):
        return error
    return NodeError(f"{type(error).__module__}.{type(error).__qualname__}: {error}")
