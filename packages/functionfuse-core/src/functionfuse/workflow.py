"""The decorator that makes calls of a function, or of a class, nodes of a graph."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

from functionfuse.arguments import bind, holds_node
from functionfuse.decoration import (
    GENERATOR_FLAGS,
    is_decorated,
    keep_importable,
    mark,
    plain_name,
)
from functionfuse.node import Function, Node
from functionfuse.signature import Signature
from functionfuse.stateful import decorate_class

__all__ = ["task", "workflow"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

if TYPE_CHECKING:

    class Decorated(Protocol, Generic[P, R_co]):
        """What `workflow` gives: calling it makes a node, `func` is the plain callable."""

        __name__: str
        __qualname__: str

        @property
        def func(self) -> Callable[P, R_co]:
            """The plain function, to call in tests and inside other functions."""
            ...

        @property
        def cls(self) -> Callable[P, R_co]:
            """The plain class, where a class was decorated."""
            ...

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Node: ...


def workflow(func: Callable[P, R]) -> Decorated[P, R]:
    """Make each call of a function a node of a graph; nothing runs until a backend runs it.

    Parameters
    ----------
    func
        A function (`async` too), lambda, `functools.partial` or other callable, or a class:
        calling a decorated class makes an instance whose method calls are nodes, run in
        the order written.

    Returns
    -------
    Decorated
        A function with the same name, docstring and signature. The plain callable is its
        `func` (for a class its `cls`).

    Raises
    ------
    TypeError
        If `func` is a generator function, a method, or not callable.

    Examples
    --------
    >>> from functionfuse import workflow
    >>> from functionfuse.backends.builtin.localback import LocalWorkflow
    >>> @workflow
    ... def add(a, b):
    ...     return a + b
    >>> total = add(add(1, 2), 3).set_name("total")
    >>> LocalWorkflow(total, workflow_name="sums").run()
    6
    >>> add.func(1, 2)
    3
    """
    if is_decorated(func):
        return func  # type: ignore[return-value]
    if isinstance(func, type):
        decorated: Decorated[P, R] = decorate_class(func)
    elif isinstance(func, (staticmethod, classmethod)) or not callable(func):
        decorated = _refuse(func)
    else:
        decorated = _decorate_function(func)
    return decorated


task = workflow


def _decorate_function(func: Callable[..., Any]) -> Any:
    plain = _innermost(func)
    name = _name(plain)
    _refuse_unsuitable(plain, name)
    function = Function(func, name)
    signature = Signature(func, name)
    check, least, most = signature.check, signature.least, signature.most

    @functools.wraps(plain)
    def decorated(*args: Any, **kwargs: Any) -> Node:
        if not kwargs and least <= len(args) <= most:
            # The most frequent call: what `bind` would find, by a shorter way.
            for value in args:
                if type(value) is not Node:
                    break
            else:
                return Node(function, args, None, None)
        else:
            check(args, kwargs)
        return Node(function, *bind(args, kwargs))

    decorated.__qualname__ = name
    decorated.__name__ = name.rpartition(".")[2]
    decorated.func = decorated.__wrapped__ = func  # type: ignore[attr-defined]
    mark(decorated, function)
    keep_importable(func)
    return decorated


def _innermost(func: Any) -> Any:
    while isinstance(func, functools.partial):
        if holds_node([func.args, func.keywords]):
            msg = f"{func!r} holds a node; give nodes as arguments to what workflow returns"
            raise TypeError(msg)
        func = func.func
    return func


def _name(func: Any) -> str:
    if type(func) is FunctionType:
        return plain_name(func)
    return (
        getattr(func, "__qualname__", None)
        or getattr(func, "__name__", None)
        or type(func).__qualname__
    )


def _refuse_unsuitable(func: Any, name: str) -> None:
    if is_decorated(func):
        msg = f"{name} is decorated already, so its partial makes nodes as it is"
        raise TypeError(msg)
    code = getattr(func, "__code__", None) or getattr(type(func).__call__, "__code__", None)
    if code is not None and code.co_flags & GENERATOR_FLAGS:
        msg = (
            f"{name} is a generator function, and a generator can be read only once; "
            "return a list instead of yielding"
        )
        raise TypeError(msg)
    scope = name.rpartition(".")[0]
    if type(func) is FunctionType and scope and not scope.endswith("<locals>"):
        _refuse(func)


def _refuse(func: Any) -> Any:
    if callable(func) or isinstance(func, (staticmethod, classmethod)):
        msg = (
            f"{func!r} is a method: put @workflow on its class (each instance is then one "
            "stateful node), or on a function outside of the class"
        )
    else:
        kind = type(func).__name__
        msg = f"workflow decorates functions and classes, got {func!r} of type {kind}"
    raise TypeError(msg)
