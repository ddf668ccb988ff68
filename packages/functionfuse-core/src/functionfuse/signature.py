"""Checking a call's arguments against a signature, at the line that writes the call.

`inspect.Signature.bind` is the judge, but importing `inspect` and binding take longer
than all the rest of making a node. So what plainly fits is let through first.
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
        How many leading parameters the caller does not give (1 for `self`).
    """

    __slots__ = (
        "_func",
        "_inspected",
        "_keywords",
        "_names",
        "_qualname",
        "_required",
        "_skip",
        "least",
        "most",
    )

    def __init__(self, func: Callable[..., Any], qualname: str, *, skip: int = 0) -> None:
        if type(func) is _CachedFunction:
            func = func.__wrapped__  # type: ignore[attr-defined]
        self._func = func
        self._inspected: inspect.Signature | None = None
        self._qualname = qualname
        self._skip = skip
        self.least: int = _UNLIMITED
        self.most: int = -1
        """A call with `least` to `most` positional arguments and no others fits."""
        self._keywords: frozenset[str] | None = None
        if type(func) is FunctionType:
            self._read_code(func.__code__, func.__defaults__ or (), func.__kwdefaults__ or {})

    def _read_code(
        self, code: CodeType, defaults: tuple[Any, ...], keyword_defaults: dict[str, Any]
    ) -> None:
        names = code.co_varnames[: code.co_argcount]
        keyword_only = code.co_varnames[len(names) : len(names) + code.co_kwonlyargcount]
        self._names = names[self._skip :]
        self._required = frozenset(names[self._skip : len(names) - len(defaults)]).union(
            name for name in keyword_only if name not in keyword_defaults
        )
        self.most = len(names) - self._skip
        if code.co_flags & _VARIABLE_POSITIONAL:
            self.most = _UNLIMITED
        if self._required.isdisjoint(keyword_only):
            self.least = len(self._required)
        if not code.co_flags & _VARIABLE_KEYWORD:
            self._keywords = frozenset(names[max(self._skip, code.co_posonlyargcount) :]).union(
                keyword_only
            )

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise TypeError if a call with these arguments would.

        Raises
        ------
        TypeError
            Naming the callable, what is wrong, and its signature.
        """
        if not self._plainly_fits(args, kwargs):
            self._bind(args, kwargs)

    def _plainly_fits(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        if not kwargs:
            return self.least <= len(args) <= self.most
        if self._keywords is None or len(args) > self.most:
            return False
        by_position = self._names[: len(args)]
        given = kwargs.keys()
        return (
            given <= self._keywords
            and given.isdisjoint(by_position)
            and self._required <= given | set(by_position)
        )

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._inspected is None:
            self._inspected = _inspect(self._func)
        try:
            self._inspected.bind(*(None,) * self._skip, *args, **kwargs)
        except TypeError as error:
            msg = f"{self._qualname}{self._inspected} called with wrong arguments: {error}"
            raise TypeError(msg) from None


def _inspect(func: Callable[..., Any]) -> inspect.Signature:
    """Return a callable's own signature, not that of what it wraps and may call otherwise."""
    import inspect

    try:
        return inspect.signature(func, follow_wrapped=False)
    except (TypeError, ValueError):  # Some builtins tell none: the call itself will say.
        return inspect.signature(lambda *args, **kwargs: None)
