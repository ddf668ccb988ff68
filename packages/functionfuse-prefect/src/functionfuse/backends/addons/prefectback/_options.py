"""Options of Prefect as a user sets them, and as a node's task takes them.

To Prefect every node's task has the same function, with the same two parameters. What a user
writes of caches and names is about the user's own function and its arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from prefect import Task
from prefect.cache_policies import NO_CACHE, CacheKeyFnPolicy, CachePolicy
from prefect.utilities.hashing import hash_objects

from functionfuse.arguments import call
from functionfuse.node import Construction, Node

__all__ = ["check_options", "task_options"]

_PERSISTING = ("persist_result", "result_storage", "result_serializer")
"""Options by which a user asks Prefect to keep results."""


def check_options(setter: str, function: Callable[..., Any], options: Any) -> None:
    """Raise TypeError unless options are a dictionary of arguments of Prefect's function."""
    if not isinstance(options, Mapping):
        msg = f"{setter} takes a dictionary of Prefect's arguments, got {options!r}"
        raise TypeError(msg)
    allowed = set(inspect.signature(function).parameters) - {"self", "fn"}
    unknown = [option for option in options if option not in allowed]
    if unknown:
        msg = (
            f"{setter} got {', '.join(map(repr, unknown))}, which Prefect does not know; "
            f"options are {', '.join(sorted(allowed))}"
        )
        raise TypeError(msg)


def task_options(node: Node, args: Mapping[str, Any], *, on_instance: bool) -> dict[str, Any]:
    """Return the options of a node's task.

    Parameters
    ----------
    node
        The node.
    args
        What the user set on it.
    on_instance
        Whether it makes an instance or is a call on one: such a node has to happen.
    """
    options = {"name": node.function.qualname, **args}
    if on_instance:
        options.pop("cache_key_fn", None)
        options["cache_policy"] = NO_CACHE
        if type(node) is Construction:
            options["persist_result"] = False
        return options
    key_function = options.pop("cache_key_fn", None)
    if key_function is not None:
        options["cache_policy"] = CachePolicy.from_cache_key_fn(key_function)
    policy = options.get("cache_policy")
    if isinstance(policy, CachePolicy) and policy != NO_CACHE:
        options["cache_policy"] = _OwnPolicy(policy)
    elif policy is None and any(options.get(option) for option in _PERSISTING):
        options["cache_policy"] = CachePolicy.from_cache_key_fn(_key_in_this_run)
    run_name = options.get("task_run_name")
    if run_name is not None:
        options["task_run_name"] = partial(_own_run_name, run_name)
    return options


def _own_arguments(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the user's function, from those of a node's task."""
    node_call = parameters["spec"].node_call
    values = [parent.value for parent in parameters["parents"]]
    bind = inspect.signature(node_call.func).bind
    bound = call(bind, node_call.args, node_call.kwargs, values)
    bound.apply_defaults()
    return dict(bound.arguments)


def _key_in_this_run(context: Any, parameters: Mapping[str, Any]) -> str | None:
    """Return a key that no other run and no other node has: Prefect keeps nothing without one."""
    return hash_objects(str(context.task_run.flow_run_id), parameters["spec"].name)


def _own_run_name(run_name: str | Callable[..., str], parameters: dict[str, Any]) -> str:
    if isinstance(run_name, str):
        return run_name.format(**_own_arguments(parameters))
    if "parameters" in inspect.signature(run_name).parameters:
        return run_name(parameters=_own_arguments(parameters))
    return run_name()


class _OwnPolicy(CachePolicy):
    """A user's cache policy, which is shown the user's own function and its arguments."""

    def __init__(self, policy: CachePolicy) -> None:
        super().__init__(policy.key_storage, policy.isolation_level, policy.lock_manager)
        self.policy = policy

    def compute_key(
        self,
        task_ctx: Any,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str | None:
        # docstring inherited
        func = inputs["spec"].node_call.func
        context = task_ctx.model_copy(update={"task": Task(func)})
        key = self.policy.compute_key(context, _own_arguments(inputs), flow_parameters, **kwargs)
        if key is None or isinstance(self.policy, CacheKeyFnPolicy):
            return key
        # Without its function, equal arguments of two functions would make one key.
        return hash_objects(func.__module__, func.__qualname__, key, raise_on_failure=True)
