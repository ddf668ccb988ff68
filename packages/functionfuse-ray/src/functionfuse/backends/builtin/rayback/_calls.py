"""Nodes as calls of Ray: remote functions, and methods of actors for stateful nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cloudpickle
import ray

from functionfuse.backends.builtin.rayback._literals import Literals
from functionfuse.backends.builtin.rayback._worker import PLAIN, InstanceActor, Spec, make_task
from functionfuse.decoration import keep_importable
from functionfuse.errors import add_note
from functionfuse.node import Construction, MethodCall, Node
from functionfuse.pickling import find_all_unpicklable, named_arguments
from functionfuse.run import Run
from functionfuse.worker import Destination

__all__ = ["Calls", "Tasks"]


class Tasks:
    """The remote function of each plain function: made once, however many nodes call it."""

    def __init__(self) -> None:
        self._tasks: dict[int, tuple[Any, Any]] = {}

    def of(self, func: Any) -> Any:
        """Return the remote function that runs nodes of a function."""
        if id(func) not in self._tasks:
            keep_importable(func)
            self._tasks[id(func)] = make_task(func), func  # It lives, so that its id does.
        return self._tasks[id(func)][0]


class Calls:
    """The calls of one run.

    Parameters
    ----------
    run
        The run.
    tasks
        The remote functions.
    remote_args
        Options of Ray for nodes, by position.
    """

    def __init__(
        self, run: Run, tasks: Tasks, remote_args: Mapping[int, Mapping[str, Any]]
    ) -> None:
        self._run = run
        self._graph = run.graph
        self._tasks = tasks
        self._remote_args = remote_args
        self._literals = Literals()
        self._actors: dict[int, Any] = {}
        """Those that hold instances, by the position of the construction."""
        self._before: dict[int, Any] = {}
        """Of each instance, the outcome of the construction or call before."""

    def submit(
        self, position: int, results: Sequence[Any], destination: Destination | None
    ) -> tuple[Any, Any]:
        """Submit a node; return the references of its result and of its outcome.

        Parameters
        ----------
        position
            The node.
        results
            References of its parents' results, at the parents' positions.
        destination
            What saves the result in the worker, if consumers get what is read back.

        Raises
        ------
        Exception
            If a literal argument can't be sent; its note says which.
        """
        node = self._graph.nodes[position]
        parents = self._graph.parents[position]
        try:
            args, kwargs, literals = self._literals.extract(node.args, node.kwargs, len(parents))
            spec = Spec(args, kwargs, self._run.initializers.get(position), destination)
            values = [*[results[parent] for parent in parents], *literals]
            return self._submit(node, position, spec, values)
        except Exception as error:  # Literals pickle by code of their own.
            add_note(error, _why_it_cannot_travel(node))
            raise

    def _submit(self, node: Node, position: int, spec: Spec, values: list[Any]) -> tuple[Any, Any]:
        name, func = self._graph.names[position], node.function.func
        options = self._remote_args.get(position, {})
        if type(node) is Construction:
            keep_importable(func)
            actor = InstanceActor.options(**options).remote()
            outcome = actor.construct.options(name=name).remote(func, spec, *values)
            self._actors[position], self._before[position] = actor, outcome
            return None, outcome
        if type(node) is MethodCall:
            instance = self._graph.instances[position]
            before, others = self._before[instance], values[MethodCall.ORDER_PARENT + 1 :]
            call = self._actors[instance].call.options(name=name, num_returns=2)
            result, outcome = call.remote(func, spec, before, *others)
            self._before[instance] = outcome
            return result, outcome
        task = self._tasks.of(func).options(**{"name": name, **options})
        result, outcome = task.remote(*values, **({} if spec == PLAIN else {"spec": spec}))
        return result, outcome

    def release(self, position: int) -> None:
        """Let an instance end after the calls that were submitted: no more will be."""
        self._actors.pop(position, None)

    def end_instances(self) -> None:
        """End all instances, with the calls on them."""
        for actor in self._actors.values():
            ray.kill(actor)


def _why_it_cannot_travel(node: Node) -> str:
    reasons = find_all_unpicklable(named_arguments(node.args, node.kwargs))
    try:
        cloudpickle.dumps(node.function.func)
    except Exception as error:  # What a function holds pickles by code of its own.
        reasons.append(f"its function holds what can't be pickled: {error}")
    return f"it can't be sent to a worker: {'; '.join(reasons)}".removesuffix(": ")
