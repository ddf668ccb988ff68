"""Nodes: the values that a graph is made of.

A node is one call of a decorated function. It knows its parents (the nodes whose
results it takes) and its children; building a workflow or running it changes neither.
"""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    # A node stands where a value of any type is expected, so type checkers must accept
    # it for every annotation: a class with an Any base does that.
    _StandsForAny = Any
else:
    _StandsForAny = object

__all__ = ["Construction", "Function", "Instance", "Item", "MethodCall", "Node", "Place"]

_next_number = itertools.count().__next__


class Function:
    """What a node calls: a function, a class, or a method of a class.

    Parameters
    ----------
    func
        The plain callable, reachable by other processes under its own name.
    qualname
        The name that unnamed nodes are numbered under.
    """

    __slots__ = ("func", "qualname")

    def __init__(self, func: Callable[..., Any], qualname: str) -> None:
        self.func = func
        self.qualname = qualname

    def __repr__(self) -> str:
        return f"Function({self.qualname})"


class Place(NamedTuple):
    """Where a node was named, for messages about two nodes of one name."""

    filename: str
    line: int
    cell: int | None
    """Execution count of the notebook cell; None in a script."""

    def __str__(self) -> str:
        where = f"{self.filename}:{self.line}"
        return where if self.cell is None else f"{where} (cell execution {self.cell})"


def _calling_place() -> Place:
    frame = sys._getframe(2)
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    cell = shell.execution_count if shell is not None else None
    return Place(frame.f_code.co_filename, frame.f_lineno, cell)


class _Unresolved(_StandsForAny):
    """What stands for something that exists only when a backend runs the graph."""

    __slots__ = ()

    def __iter__(self) -> NoReturn:
        msg = (
            f"{self!r} has no result yet and can't be iterated or unpacked; "
            "index it, as in node[0] or node['key'], or loop inside a decorated function"
        )
        raise TypeError(msg)

    def __bool__(self) -> NoReturn:
        msg = (
            f"{self!r} has no result yet and is neither true nor false; "
            "index it or decide inside a decorated function"
        )
        raise TypeError(msg)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        msg = (
            f"{self!r} can't be pickled or copied: a node stands for a result and belongs to "
            "its graph; call decorated functions outside of other decorated functions "
            "(f.func is the plain function)"
        )
        raise TypeError(msg)


class Node(_Unresolved):
    """One call of a decorated function: a value that stands for the call's result.

    Made by calling what `workflow` decorated, never directly. `node[key]` stands for an
    item of the result.

    Parameters
    ----------
    function
        What is called.
    parents
        The nodes that must be done before, in the order that `args` and `kwargs` refer to.
    args
        Templates of the positional arguments (see `functionfuse.arguments`); None when
        they are just the parents' results in order.
    kwargs
        Templates of the keyword arguments, or None when there are none.

    Attributes
    ----------
    children
        The nodes that have this one among their parents, in order of creation.
    number
        Says which of two nodes was made first.
    name, place
        The name that was set, and where; no name is None.
    """

    __slots__ = ("args", "children", "function", "kwargs", "name", "number", "parents", "place")

    def __init__(
        self,
        function: Function,
        parents: tuple[Node, ...],
        args: tuple[Any, ...] | None,
        kwargs: dict[str, Any] | None,
    ) -> None:
        self.function = function
        self.parents = parents
        self.args = args
        self.kwargs = kwargs
        self.children: list[Node] = []
        self.number = _next_number()
        self.name: str | None = None
        for parent in parents:
            parent.children.append(self)

    def set_name(self, name: str) -> Node:
        """Give the node a name: its identity in a workflow and in storages.

        Parameters
        ----------
        name
            Any text, unique among the nodes of a workflow.

        Returns
        -------
        Node
            The node itself.

        Raises
        ------
        TypeError
            If `name` is not text.
        """
        self._rename(name, _calling_place())
        return self

    def _rename(self, name: str, place: Place) -> None:
        if not isinstance(name, str):
            msg = f"a node's name is text, got {name!r} of type {type(name).__name__}"
            raise TypeError(msg)
        # Exactly text: a subclass, such as numpy's, would go into headers and indexes.
        self.name = str.__str__(name)
        self.place = place

    def get_name(self) -> str | None:
        """Return the name that was set, or None while only a workflow knows it."""
        return self.name

    def __getitem__(self, key: Any) -> Item:
        return Item(self, (_checked_key(key),))

    def __repr__(self) -> str:
        name = "" if self.name is None else f" {self.name!r}"
        return f"<node{name} of {self.function.qualname}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show the node in a notebook or in IPython: also where it was named."""
        place = "" if self.name is None else f" named at {self.place}"
        printer.text(f"{self!r}{place}")


class Construction(Node):
    """The node that makes the instance of a stateful node; its result is the instance."""

    __slots__ = ()


class MethodCall(Node):
    """A call of a stateful node's method.

    Its first parent is the construction of the instance, its second the call before it
    on that instance (the construction for the first call). The second is there for the
    order only: no argument refers to it.
    """

    __slots__ = ()

    ORDER_PARENT = 1
    """Index among the parents of the one that only orders."""


class Item(_Unresolved):
    """An item of a node's result: `node[key]`, also chained, `node["a"][0]`."""

    __slots__ = ("keys", "node")

    def __init__(self, node: Node, keys: tuple[Any, ...]) -> None:
        self.node = node
        self.keys = keys

    def __getitem__(self, key: Any) -> Item:
        return Item(self.node, (*self.keys, _checked_key(key)))

    def set_name(self, name: str) -> NoReturn:
        """Refuse: an item has no name of its own.

        Raises
        ------
        TypeError
            Always; name the node, as in `node.set_name("a")["key"]`.
        """
        msg = f"{self!r} is an item: name its node, as in node.set_name({name!r})[key]"
        raise TypeError(msg)

    def __repr__(self) -> str:
        return f"{self.node!r}" + "".join(f"[{key!r}]" for key in self.keys)


class Instance(_Unresolved):
    """What calling a decorated class gives: its methods' calls are nodes.

    Only `set_name` and `get_name` are its own; every other attribute is looked up on the
    user's class.
    """

    __slots__ = ("_functionfuse_method", "_functionfuse_node")

    def __init__(self, node: Construction, method: Callable[[Instance, str], Any]) -> None:
        self._functionfuse_node = node
        self._functionfuse_method = method

    def set_name(self, name: str) -> Instance:
        """Give the construction of the instance a name; see `Node.set_name`."""
        self._functionfuse_node._rename(name, _calling_place())
        return self

    def get_name(self) -> str | None:
        """Return the name that was set, or None while only a workflow knows it."""
        return self._functionfuse_node.name

    def __getattr__(self, name: str) -> Any:
        return self._functionfuse_method(self, name)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Node:
        """Make a node of a call of the class's `__call__`."""
        call: Node = self._functionfuse_method(self, "__call__")(*args, **kwargs)
        return call

    def __repr__(self) -> str:
        return f"<instance of {self._functionfuse_node!r}>"


def _checked_key(key: Any) -> Any:
    parts = (key.start, key.stop, key.step) if type(key) is slice else key
    if any(
        isinstance(part, (Node, Item, Instance))
        for part in (parts if type(parts) in (tuple, list) else (parts,))
    ):
        msg = (
            f"an item's key must be known when the graph is built, got {key!r}; "
            "take the item inside a function that gets both"
        )
        raise TypeError(msg)
    return key
