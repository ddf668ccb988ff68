"""A plan as components: which nodes each runs, what it takes, what it gives.

::

    plan ──► groups of steps ──► components, each with the JSON that its command gets
                             └─► values, the pickles that the image gets
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from typing import Any, NamedTuple

from functionfuse.arguments import Slot
from functionfuse.backends.addons.kfpback._grouping import group_steps
from functionfuse.backends.addons.kfpback._names import clean_name, parameter_name, unique
from functionfuse.backends.addons.kfpback._values import Values
from functionfuse.backends.addons.kfpcontainer import (
    NodeSpec,
    Origin,
    SaveSpec,
    dump_json,
    refer,
)
from functionfuse.node import Construction, MethodCall, Node
from functionfuse.pickling import find_all_unpicklable, named_arguments
from functionfuse.plan import Action
from functionfuse.run import Run
from functionfuse.stateful import Method
from functionfuse.storage.index import Saved

__all__ = ["MAX_INPUTS", "Component", "make_components"]

MAX_INPUTS = 200
"""KFP passes what it knows of all inputs as one argument, and Linux takes 128 KiB at most."""

MAX_PARAMETER_CHARACTERS = 2000
"""Longer literals go into the image: nobody reads them on a page."""

MAX_PARAMETERS_CHARACTERS = 30_000
"""Of all parameters of a component; they stand in the same argument as the inputs."""


class Component(NamedTuple):
    """A container that runs one node, or the nodes around one instance."""

    name: str
    title: str
    """The true name of its node, or of its instance's construction."""
    positions: Sequence[int]
    nodes: Sequence[NodeSpec]
    parameters: Mapping[str, str]
    inputs: Mapping[str, tuple[str, str]]
    """Name of the component and of its output that each input is."""
    outputs: Mapping[int, str]
    """Names of its outputs, by the positions of the nodes."""


def make_components(
    run: Run, values: Values, saves: Mapping[int, SaveSpec], script: str | None
) -> list[Component]:
    """Make the components of a run's plan, each after those that it takes results from.

    Parameters
    ----------
    run
        The run.
    values
        Gets the pickles.
    saves
        With what each node's result is saved, by position.
    script
        Where `__main__` is.

    Raises
    ------
    TypeError
        If an argument can't be pickled.
    ValueError
        If a component takes more results than KFP can pass.
    """
    plan = run.plan
    components: list[Component] = []
    produced: dict[int, tuple[str, str]] = {}
    names: set[str] = set()
    groups = group_steps(plan)
    leaves_group = _positions_taken_outside(run, groups)
    for group in groups:
        title = plan.graph.names[plan.order[group[0]]]
        name = unique(clean_name(title), names, "-")
        names.add(name)
        component = _Builder(run, values, saves, script, produced, leaves_group)
        made = component.build(name, title, group)
        produced.update({p: (name, output) for p, output in made.outputs.items()})
        components.append(made)
    return components


def _positions_taken_outside(run: Run, groups: Sequence[Sequence[int]]) -> set[int]:
    """Return the nodes whose results leave their component, or are returned."""
    plan = run.plan
    group_at = {plan.order[step]: n for n, group in enumerate(groups) for step in group}
    outside = {p for p in plan.returned if p in group_at}
    for position, number in group_at.items():
        outside.update(
            parent
            for parent in plan.graph.inputs[position]
            if parent in group_at and group_at[parent] != number
        )
    return outside


class _Builder:
    """Builds one component."""

    def __init__(
        self,
        run: Run,
        values: Values,
        saves: Mapping[int, SaveSpec],
        script: str | None,
        produced: Mapping[int, tuple[str, str]],
        leaves_group: set[int],
    ) -> None:
        self._run = run
        self._graph = run.graph
        self._plan = run.plan
        self._values = values
        self._saves = saves
        self._script = script
        self._produced = produced
        self._leaves_group = leaves_group
        self._indices: dict[int, int] = {}
        self._parameters: dict[str, str] = {}
        self._inputs: dict[str, tuple[str, str]] = {}
        self._input_names: dict[int, str] = {}

    def build(self, name: str, title: str, group: Sequence[int]) -> Component:
        nodes = []
        outputs: dict[int, str] = {}
        for index, step in enumerate(group):
            position = self._plan.order[step]
            is_executed = self._plan.step_actions[step] is Action.EXECUTE
            # Every node shows its result on KFP's page, but for those inside a component.
            if is_executed and (len(group) == 1 or position in self._leaves_group):
                own = "result" if len(group) == 1 else self._graph.names[position]
                outputs[position] = unique(parameter_name(own), outputs.values(), "_")
            nodes.append(self._node(position, outputs.get(position), is_executed=is_executed))
            self._indices[position] = index
        if len(self._inputs) > MAX_INPUTS:
            msg = (
                f"node {title!r} takes the results of {len(self._inputs)} nodes, and KFP can pass "
                f"{MAX_INPUTS} to a component: gather them by nodes in between"
            )
            raise ValueError(msg)
        positions = [self._plan.order[step] for step in group]
        return Component(name, title, positions, nodes, self._parameters, self._inputs, outputs)

    def _node(self, position: int, output: str | None, *, is_executed: bool) -> NodeSpec:
        node, name = self._graph.nodes[position], self._graph.names[position]
        func = node.function.func
        initialize = self._run.initializers.get(position)
        try:
            function = refer(func, script=self._script) or f"#{self._values.add(func)}"
            args, kwargs = self._arguments(node)
            digest = None if initialize is None else self._values.add(initialize)
        except Exception as error:
            parts = {"its function": func, **named_arguments(node.args, node.kwargs)}
            what = "; ".join(find_all_unpicklable(parts)) or str(error)
            msg = f"node {name!r} can't go into an image, for which it is pickled: {what}"
            raise TypeError(msg) from error
        is_ordered = type(node) is MethodCall
        origins = [
            {} if is_ordered and index == MethodCall.ORDER_PARENT else self._origin(parent)
            for index, parent in enumerate(self._graph.parents[position])
        ]
        return NodeSpec(
            name,
            function,
            origins,
            args,
            kwargs,
            digest,
            self._saves.get(position) if is_executed else None,
            output,
            position in self._graph.instances,
        )

    def _origin(self, parent: int) -> Origin:
        # First, since a saved call that is made again for its instance has another result now.
        if self._plan.actions[parent] is Action.LOAD and not self._is_instance(parent):
            return {"saved": _fields(self._run.stored(parent)[2])}
        if parent in self._indices:
            return {"node": self._indices[parent]}
        if parent not in self._input_names:
            wanted = parameter_name(self._produced[parent][0]).lower()
            name = unique(wanted, {*self._inputs, *self._parameters}, "_")
            self._inputs[name] = self._produced[parent]
            self._input_names[parent] = name
        return {"artifact": self._input_names[parent]}

    def _is_instance(self, position: int) -> bool:
        return type(self._graph.nodes[position]) is Construction

    def _arguments(self, node: Node) -> tuple[list[Any] | None, dict[str, Any] | None]:
        if node.args is None:
            return None, None
        names = _parameter_names(node)
        args = [
            self._argument(value, names[index] if index < len(names) else f"argument_{index}")
            for index, value in enumerate(node.args)
        ]
        kwargs = {name: self._argument(value, name) for name, value in (node.kwargs or {}).items()}
        return args, kwargs or None

    def _argument(self, template: Any, name: str) -> dict[str, Any]:
        if type(template) is Slot and _as_json(list(template.keys)) is not None:
            return {"parent": template.parent, "keys": list(template.keys)}
        text = _as_json(template)
        room = MAX_PARAMETERS_CHARACTERS - sum(map(len, self._parameters.values()))
        if text is None or len(text) > min(room, MAX_PARAMETER_CHARACTERS):
            return {"value": self._values.add(template)}
        parameter = unique(parameter_name(name), {*self._inputs, *self._parameters}, "_")
        self._parameters[parameter] = text
        return {"parameter": parameter}


def _parameter_names(node: Node) -> list[str]:
    """Return the names of the parameters that positional arguments go to."""
    func: Any = node.function.func
    if isinstance(func, Method):
        func = getattr(node.parents[0].function.func, func.name, None)
    try:
        parameters = signature(func).parameters.values()
    except (TypeError, ValueError):
        return []
    positional = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind in positional]


def _as_json(value: Any) -> str | None:
    """Return a value as JSON that reads back as an equal value of the same types, or None."""
    try:
        text = dump_json(value)
        return text if _is_same(json.loads(text), value) else None
    except (TypeError, ValueError, RecursionError):
        return None


def _is_same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if type(one) is list:
        return len(one) == len(other) and all(map(_is_same, one, other))
    if type(one) is dict:
        return list(one) == list(other) and all(map(_is_same, one.values(), other.values()))
    return bool(one == other)


def _fields(saved: Saved) -> list[Any]:
    return [saved.task, *saved.stamp, *saved[2:]]
