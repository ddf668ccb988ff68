"""What runs in Ray's workers: nodes as tasks, instances as actors."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import ray

from functionfuse.errors import NodeError, RemoteTraceback
from functionfuse.storage.base import Storage
from functionfuse.storage.index import Saved
from functionfuse.worker import Destination, NodeCall, Outcome, carry, run_node

__all__ = ["InstanceActor", "Spec", "is_of_returning", "load", "make_task"]


class Spec(NamedTuple):
    """What a node is given beside the parents' results; most nodes need none."""

    args: tuple[Any, ...] | None
    kwargs: dict[str, Any] | None
    initialize: Callable[[], Any] | None = None
    destination: Destination | None = None
    """What saves the result here, where consumers get what is read back."""


PLAIN = Spec(None, None)


def make_task(func: Callable[..., Any]) -> Any:
    """Return the remote function that runs nodes of a function.

    It takes the parents' results and gives a node's result, and the outcome without it as
    a pickle: bytes are what Ray carries fastest.
    """

    def task(*values: Any, spec: Spec = PLAIN) -> tuple[Any, bytes]:
        return _run(func, spec, list(values))

    qualname = getattr(func, "__qualname__", type(func).__qualname__)
    task.__qualname__ = task.__name__ = qualname.removesuffix(".func")
    return ray.remote(num_returns=2)(task)


def _run(func: Callable[..., Any], spec: Spec, values: list[Any]) -> tuple[Any, bytes]:
    call = NodeCall(func, spec.args, spec.kwargs, values, spec.initialize, spec.destination)
    outcome = run_node(call, None, cloudpickle)
    if outcome.error is not None:
        error = _traveller(outcome.error)
        carry(outcome._replace(error=error, traceback=""))  # Ray brings the traceback.
        raise error from _cause(outcome)
    return outcome.value, pickle.dumps((outcome._replace(value=None), _machine()))


@cache
def _machine() -> str:
    return ray.get_runtime_context().get_node_id()


def _traveller(error: BaseException) -> BaseException:
    """Return an exception that ends the task, not the worker."""
    if isinstance(error, SystemExit):
        return NodeError(f"the node called sys.exit({error.code!r})")
    return error


def _cause(outcome: Outcome) -> BaseException | None:
    """Keep the cause; an exception that had to be replaced has lost where it came from."""
    assert outcome.error is not None
    is_replaced = outcome.error.__traceback__ is None
    return RemoteTraceback(outcome.traceback) if is_replaced else outcome.error.__cause__


def is_of_returning(traceback: str) -> bool:
    """Tell whether a traceback is that of Ray pickling what a node returned."""
    return Path(__file__).name not in traceback and "in dumps" in traceback


def _load(storage: Storage, workflow_name: str, saved: Saved) -> tuple[Any, bytes]:
    """Load a saved result for the tasks that take it."""
    return _run(storage.read_saved, PLAIN, [workflow_name, saved])


class _Instance:
    """Holds an instance of a decorated class, and runs the calls on it in order."""

    def __init__(self) -> None:
        self._instances: list[Any] = []

    def construct(self, cls: Callable[..., Any], spec: Spec, *values: Any) -> bytes:
        """Make the instance."""
        instance, outcome = _run(cls, spec, list(values))
        self._instances = [instance]
        return outcome

    def call(
        self, method: Callable[..., Any], spec: Spec, before: bytes, *values: Any
    ) -> tuple[Any, bytes]:
        """Call a method; gives what tasks give.

        Parameters
        ----------
        before
            The outcome of the construction or call before: if that failed, Ray does not get
            here.
        """
        if not self._instances:
            msg = (
                "the instance is lost, since Ray restarted its worker: a state can't be "
                "restarted; run again without max_restarts, and what was saved is loaded"
            )
            raise NodeError(msg)
        # The graph counts the instance and the call before among a call's parents.
        return _run(method, spec, [*self._instances, None, *values])


# Of type Any: what Ray makes of functions with two results and of classes has no types.
load: Any = ray.remote(num_returns=2)(_load)
InstanceActor: Any = ray.remote(_Instance)
