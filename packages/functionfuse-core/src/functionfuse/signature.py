"""Checking a call's arguments against a signature, at the line that writes the call.

Importing `inspect` and binding take longer than all the rest of making a node. So Python
functions are judged by their code, and `inspect` is left to say what is wrong, and to judge
callables of other kinds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import inspect

__all__ = ["Signature"]

_VARIABLE_POSITIONAL = 0x04
_VARIABLE_KEYWORD = 0x08
_UNLIMITED = 1 << 62
_CachedFunction = type(functools.lru_cache(len))


class Signature:
    """What arguments a callable takes.

    Parameters
    ----------
    func
        The callable.
    qualname
        Its name in messages.
    skip
        How many leading arguments the caller does not give (1 for `self`).
    """

    __slots__ = (
        "_func",
        "_inspected",
        "_is_read",
        "_keywords",
        "_positions",
        "_qualname",
        "_required",
        "_skip",
        "_takes_any_keyword",
        "least",
        "most",
    )

    def __init__(self, func: Callable[..., Any], qualname: str, *, skip: int = 0) -> None:
        if type(func) is _CachedFunction:
            func = func.__wrapped__  # pyright: ignore[reportFunctionMemberAccess]
        self._func = func
        self._inspected: inspect.Signature | None = None
        self._qualname = qualname
        self._skip = skip
        self.least: int = _UNLIMITED
        self.most: int = -1
        """A call with `least` to `most` positional arguments and no others fits."""
        self._is_read = type(func) is FunctionType
        if type(func) is FunctionType:
            self._read(func.__code__, func.__defaults__ or (), func.__kwdefaults__ or {})

    def _read(
        self, code: CodeType, defaults: tuple[Any, ...], keyword_defaults: dict[str, Any]
    ) -> None:
        skip, names = self._skip, code.co_varnames[: code.co_argcount]
        keyword_only = code.co_varnames[len(names) : len(names) + code.co_kwonlyargcount]
        self._positions = names
        self._keywords = frozenset(names[code.co_posonlyargcount :]).union(keyword_only)
        self._takes_any_keyword = bool(code.co_flags & _VARIABLE_KEYWORD)
        self._required = frozenset(names[skip : len(names) - len(defaults)]).union(
            name for name in keyword_only if name not in keyword_defaults
        )
        self.most = _UNLIMITED if code.co_flags & _VARIABLE_POSITIONAL else len(names) - skip
        if self._required.isdisjoint(keyword_only):
            self.least = len(self._required)

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise TypeError if a call with these arguments would.

        Raises
        ------
        TypeError
            Naming the callable, what is wrong, and its signature.
        """
        if not self._is_read or not self._fits(args, kwargs):
            self._bind(args, kwargs)

    def _fits(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        if not kwargs:
            return self.least <= len(args) <= self.most
        by_position = self._positions[: self._skip + len(args)]
        by_keyword = self._keywords.intersection(kwargs)
        return (
            len(args) <= self.most
            and (self._takes_any_keyword or len(by_keyword) == len(kwargs))
            and by_keyword.isdisjoint(by_position)
            and self._required <= by_keyword.union(by_position)
        )

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._inspected is None:
            self._inspected = _inspect(self._func)
        wrong = f"{self._qualname}{self._inspected} called with wrong arguments"
        try:
            self._inspected.bind(*(None,) * self._skip, *args, **kwargs)
        except TypeError as error:
            msg = f"{wrong}: {error}"
            raise TypeError(msg) from None
        if self._is_read:  # `inspect` is lenient about `f(a, /, **others)`.
            raise TypeError(wrong)


def _inspect(func: Callable[..., Any]) -> inspect.Signature:
    """Return a callable's own signature, not that of what it wraps and may call otherwise."""
    import inspect

    try:
        return inspect.signature(func, follow_wrapped=False)
    except (TypeError, ValueError):  # Some builtins tell none: the call itself will say.
        return inspect.signature(lambda *args, **kwargs: None)
