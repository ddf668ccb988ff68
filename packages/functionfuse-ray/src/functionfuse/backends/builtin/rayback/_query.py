"""Options of Ray for sets of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ray

from functionfuse import baseworkflow
from functionfuse.node import Construction, MethodCall, Node

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Query"]

OWN_OPTIONS = {
    "num_returns": "a node has one result: use node[0] for an item of it",
    "get_if_exists": "every run makes its own instances",
}


class Query(baseworkflow.Query):
    """Nodes of a `RayWorkflow` that were selected by their names."""

    def set_remote_args(self, args: Mapping[str, Any]) -> Self:
        """Set options of Ray on these nodes, in place of those set before.

        Parameters
        ----------
        args
            Arguments of `ray.remote` for a task, or for an actor where a node constructs
            an instance: `num_cpus`, `resources`, `max_retries`, `runtime_env`, …  Calls on
            an instance run where it is, so they have no options of their own.

        Raises
        ------
        TypeError, ValueError
            If Ray does not know an option, or does not take its value.
        ValueError
            If a call on an instance is selected without the instance's construction.
        """
        if not isinstance(args, Mapping):
            msg = f"set_remote_args takes a dictionary of ray.remote's arguments, got {args!r}"
            raise TypeError(msg)
        for option in OWN_OPTIONS.keys() & args.keys():
            msg = f"{option!r} is not an option for nodes: {OWN_OPTIONS[option]}"
            raise ValueError(msg)
        workflow: Any = self.workflow
        positions = [workflow.graph.positions[node] for node in self.nodes]
        for node in self.nodes:
            self._check(node, args)
        for position, node in zip(positions, self.nodes, strict=True):
            if type(node) is not MethodCall:
                workflow.remote_args[position] = dict(args)
        return self

    def _check(self, node: Node, args: Mapping[str, Any]) -> None:
        names = self.workflow.graph.names
        positions = self.workflow.graph.positions
        if type(node) is MethodCall:
            construction = node.parents[0]
            if construction not in self.nodes:
                msg = (
                    f"{names[positions[node]]!r} is a call on an instance and runs where that is: "
                    f"set the options on its construction, {names[positions[construction]]!r}"
                )
                raise ValueError(msg)
            return
        # Ray's own check, of names and values alike.
        _PROBES[type(node) is Construction].options(**args)


class _Instance:
    """Stands for any class."""


def _function() -> None:
    """Stand for any function."""


_PROBES = (ray.remote(_function), ray.remote(_Instance))
