"""Stateful nodes: what `workflow` makes of a class.

Calling a decorated class makes a `Construction` node and gives an `Instance`; calling a
method of it makes a `MethodCall` node, ordered after the call before it::

    counter = Counter(10)        Construction
    a = counter.add(x)           MethodCall(parents: construction, construction, x)
    b = counter.add(a)           MethodCall(parents: construction, a, a)
"""

from __future__ import annotations

import functools
from typing import Any

from functionfuse.arguments import bind, bind_method
from functionfuse.decoration import GENERATOR_FLAGS, keep_importable, mark, plain_name
from functionfuse.node import Construction, Function, Instance, MethodCall, Node
from functionfuse.signature import Signature

__all__ = ["Method", "UnavailableAttributeError", "decorate_class"]

OWN_NAMES = ("set_name", "get_name")


class UnavailableAttributeError(AttributeError, TypeError):
    """An attribute of a stateful node that is not a method: only calls can be nodes."""


class Method:
    """Calls a method of the instance that it is given; it can go to another process."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, instance: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call the method and return its result."""
        return getattr(instance, self.name)(*args, **kwargs)


def decorate_class(cls: type) -> Any:
    """Return the function that stands for a class in graphs; see `functionfuse.workflow`."""
    qualname = plain_name(cls)
    for name in OWN_NAMES:
        if hasattr(cls, name):
            msg = f"{qualname} has an attribute {name!r}, which every node has: rename it"
            raise TypeError(msg)
    function = Function(cls, qualname)
    signature = Signature(cls, qualname)
    methods = _Methods(cls, qualname)

    @functools.wraps(cls, updated=())
    def decorated(*args: Any, **kwargs: Any) -> Instance:
        signature.check(args, kwargs)
        return methods.instance(Construction(function, *bind(args, kwargs)))

    decorated.__qualname__ = qualname
    vars(decorated).update(_constants(cls))
    decorated.cls = decorated.func = cls  # type: ignore[attr-defined]
    # `class Derived(S)` derives from the plain class.
    decorated.__mro_entries__ = lambda bases: (cls,)  # type: ignore[attr-defined]
    mark(decorated, function)
    keep_importable(cls)
    return decorated


def _constants(cls: type) -> dict[str, Any]:
    """Return what a class holds beside methods, for `S.LIMIT` in methods and pickled `S.Inner`."""
    return {
        name: value
        for base in reversed(cls.__mro__)
        for name, value in vars(base).items()
        if not _is_special(name) and not hasattr(type(value), "__get__")
    }


def _is_special(name: str) -> bool:
    """Tell whether Python or a notebook calls a method of this name by itself."""
    return name.startswith("_") and name.endswith("_")


class _Methods:
    """The methods of one decorated class, each looked at once."""

    def __init__(self, cls: type, qualname: str) -> None:
        self._cls = cls
        self._qualname = qualname
        self._found: dict[str, tuple[Function, Signature]] = {}

    def instance(self, construction: Construction) -> Instance:
        """Return the handle whose method calls follow the construction in order."""
        latest: Node = construction

        def method(instance: Instance, name: str) -> Any:
            function, signature = self._found.get(name) or self._find(name)

            def call(*args: Any, **kwargs: Any) -> Node:
                nonlocal latest
                signature.check(args, kwargs)
                latest = MethodCall(function, *bind_method(construction, latest, args, kwargs))
                return latest

            call.__name__, call.__qualname__ = name, function.qualname
            return call

        return Instance(construction, method)

    def _find(self, name: str) -> tuple[Function, Signature]:
        qualname = f"{self._qualname}.{name}"
        attribute = next((vars(c)[name] for c in self._cls.__mro__ if name in vars(c)), None)
        func: Any = attribute
        if isinstance(attribute, (staticmethod, classmethod)):
            func = attribute.__func__
        if _is_special(name) and name != "__call__":
            func = None
        self._refuse_unsuitable(func, name, qualname)
        is_bound = not isinstance(attribute, staticmethod) and hasattr(type(attribute), "__get__")
        found = Function(Method(name), qualname), Signature(func, qualname, skip=int(is_bound))
        self._found[name] = found
        return found

    def _refuse_unsuitable(self, func: Any, name: str, qualname: str) -> None:
        if func is None:
            msg = (
                f"{self._qualname} has no method {name!r}, and only calls of methods can be "
                "nodes: write a method that returns what is needed"
            )
        elif isinstance(func, type) or not callable(func):
            msg = (
                f"{qualname} is a {type(func).__name__}, and only calls of methods can be "
                "nodes: write a method that returns it"
            )
        elif getattr(func, "__code__", None) and func.__code__.co_flags & GENERATOR_FLAGS:
            msg = f"{qualname} is a generator method; return a list instead of yielding"
        else:
            return
        raise UnavailableAttributeError(msg)
