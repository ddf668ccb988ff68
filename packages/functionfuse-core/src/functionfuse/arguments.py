"""Arguments of a node: found in a call, kept as templates, filled with results.

A template is an argument in which each node is replaced by a `Slot` that says which
parent's result belongs there. It holds no node, so it can go to another process::

    train({"X": parts["X"]}, parts["y"], 0.1)

    parents    (parts,)
    templates  (Pack(dict, keys=("X",), values=(Slot(0, ("X",)),)), Slot(0, ("y",)), 0.1)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, TypeVar

from functionfuse.node import Construction, Instance, Item, MethodCall, Node

__all__ = ["NODE_TYPES", "Pack", "Slot", "bind", "bind_method", "call", "holds_node", "take"]

NODE_TYPES = frozenset({Node, MethodCall, Construction, Item, Instance})
CONTAINER_TYPES = frozenset({list, tuple, dict, set, frozenset})
_ATOMS = frozenset({bool, bytes, complex, float, int, str, type(None)})
_PASSING_TYPES = frozenset(
    {GeneratorType, AsyncGeneratorType, CoroutineType, enumerate, filter, map, zip}
    | {type({}.keys()), type({}.values()), type({}.items())}
)
"""What can be read only once, or is a view of something: no value for another process."""

Bound = tuple[tuple[Node, ...], "tuple[Any, ...] | None", "dict[str, Any] | None"]
T = TypeVar("T")


class Slot:
    """The place of a parent's result, or of an item of it, in a template."""

    __slots__ = ("keys", "parent")

    def __init__(self, parent: int, keys: tuple[Any, ...]) -> None:
        self.parent = parent
        self.keys = keys


class Pack:
    """A container in a template, with at least one slot somewhere in it."""

    __slots__ = ("keys", "kind", "values")

    def __init__(self, kind: type, values: tuple[Any, ...], keys: tuple[Any, ...]) -> None:
        self.kind = kind
        self.values = values
        self.keys = keys
        """Keys of a dict; empty for every other kind."""


def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Bound:
    """Find the nodes in the arguments of a call.

    Returns
    -------
    tuple
        Parents, templates of the positional arguments, templates of the keyword
        arguments, as `Node` takes them.

    Raises
    ------
    TypeError
        If an instance of a stateful node is an argument, a generator or another iterator, or
        if a node stands where none is looked for: in a key of a dict, or in a container of
        another type than those above.
    ValueError
        If a container that holds a node also holds itself.
    """
    return _Binder(0).bind(args, kwargs)


def bind_method(
    construction: Node, latest: Node, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Bound:
    """Do what `bind` does for a `MethodCall`: its instance is the first argument."""
    parents, arg_templates, kwarg_templates = _Binder(2).bind(args, kwargs)
    return (construction, latest, *parents), (Slot(0, ()), *arg_templates), kwarg_templates


class _Binder:
    """Gathers the parents of one call; each gets one index, however often it stands."""

    __slots__ = ("first", "indices", "within")

    def __init__(self, first: int) -> None:
        self.first = first
        self.indices: dict[Node, int] = {}
        self.within: list[Any] = []

    def bind(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Node, ...], tuple[Any, ...], dict[str, Any] | None]:
        arg_templates = tuple([self.template(value) for value in args])
        kwarg_templates = dict.fromkeys(kwargs)
        for key in sorted(kwargs):  # Their order means nothing, so parents have one of their own.
            kwarg_templates[key] = self.template(kwargs[key])
        return tuple(self.indices), arg_templates, kwarg_templates or None

    def template(self, value: Any) -> Any:
        kind = type(value)
        if kind is Node:  # The most frequent, by the shortest way.
            return Slot(self.indices.setdefault(value, self.first + len(self.indices)), ())
        if kind in _ATOMS:
            return value
        if kind is Item:
            return Slot(self._index(value.node), value.keys)
        if kind in NODE_TYPES:
            return Slot(self._index(value), ())
        if not is_container(kind):
            _check_opaque(value, kind)
            return value
        if not holds_node(value):
            return value
        if any(value is outer for outer in self.within):
            msg = f"an argument of type {kind.__name__} contains itself and a node"
            raise ValueError(msg)
        self.within.append(value)
        items = sorted(value, key=_creation) if kind in (set, frozenset) else _values(value)
        values = tuple([self.template(item) for item in items])
        self.within.pop()
        return Pack(kind, values, tuple(value) if kind is dict else ())

    def _index(self, node: Node | Instance) -> int:
        if type(node) in (Instance, Construction):
            msg = (
                f"{node!r} is an argument, but an instance stays where its calls run; "
                "give the result of a call on it"
            )
            raise TypeError(msg)
        return self.indices.setdefault(node, self.first + len(self.indices))


def _creation(value: Any) -> int:
    """Order the members of a set as their nodes were made, not as they lie in memory."""
    node = value.node if type(value) is Item else value
    return node.number if isinstance(node, Node) else -1


def is_container(kind: type) -> bool:
    """Tell whether nodes are looked for in values of exactly this type."""
    return kind in CONTAINER_TYPES or (tuple in kind.__bases__ and hasattr(kind, "_make"))


def holds_node(container: Any) -> bool:
    """Tell whether a node stands anywhere in a container; it may contain itself."""
    seen = set()
    stack = [container]
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if type(value) is dict:
            _check_keys(value)
        values = _values(value)
        kinds = set(map(type, values))
        if not NODE_TYPES.isdisjoint(kinds):
            return True
        containers = {kind for kind in kinds if is_container(kind)}
        if containers:
            stack.extend(item for item in values if type(item) in containers)
    return False


def _values(container: Any) -> Collection[Any]:
    return container.values() if type(container) is dict else container


def _check_keys(value: dict[Any, Any]) -> None:
    kinds = set(map(type, value))
    is_node = not NODE_TYPES.isdisjoint(kinds)
    if is_node or any(holds_node(key) for key in value if is_container(type(key))):
        msg = f"a node can't be a key of a dict, got {value!r}; nodes may be its values"
        raise TypeError(msg)


def _check_opaque(value: Any, kind: type) -> None:
    """Refuse what would hide nodes from the graph, or be empty when a node runs again."""
    if kind in _PASSING_TYPES:
        msg = f"a {kind.__name__} as an argument can be read only here and now; give a list of it"
        raise TypeError(msg)
    for base in CONTAINER_TYPES:
        if issubclass(kind, base):
            values = dict.values(value) if base is dict else base.__iter__(value)
            if not NODE_TYPES.isdisjoint(map(type, values)):
                msg = (
                    f"{value!r} holds a node, but nodes are looked for in lists, tuples, dicts, "
                    f"sets, frozensets and named tuples, not in a {kind.__qualname__}"
                )
                raise TypeError(msg)


def call(
    func: Callable[..., T],
    args: tuple[Any, ...] | None,
    kwargs: Mapping[str, Any] | None,
    values: Sequence[Any],
) -> T:
    """Call a function with a node's arguments, filled with its parents' results."""
    if args is None:
        return func(*values)
    if kwargs is None:
        return func(*[_fill(template, values) for template in args])
    return func(
        *[_fill(template, values) for template in args],
        **{key: _fill(template, values) for key, template in kwargs.items()},
    )


def _fill(template: Any, values: Sequence[Any]) -> Any:
    kind = type(template)
    if kind is Slot:
        value = values[template.parent]
        return take(value, template.keys) if template.keys else value
    if kind is not Pack:
        return template
    items = [_fill(item, values) for item in template.values]
    kind = template.kind
    if kind is dict:
        return dict(zip(template.keys, items, strict=True))
    return items if kind is list else kind._make(items) if hasattr(kind, "_make") else kind(items)


def take(value: Any, keys: tuple[Any, ...]) -> Any:
    """Take an item of an item of … a result."""
    for key in keys:
        value = value[key]
    return value
