"""What decorated functions and decorated classes have in common."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

from functionfuse.node import Function

__all__ = ["GENERATOR_FLAGS", "is_decorated", "keep_importable", "mark", "plain_name"]

GENERATOR_FLAGS = 0x20 | 0x200
"""Flags of the code of generator functions, plain and async."""


def mark(decorated: Any, function: Function) -> None:
    """Note on a decorated function what its nodes call."""
    decorated._functionfuse = function


def is_decorated(value: Any) -> bool:
    """Tell whether `workflow` made this function.

    A wrapper that someone put around a decorated function has copied its attributes, but
    wraps something else.
    """
    if type(value) is not FunctionType:
        return False
    function: Function | None = getattr(value, "_functionfuse", None)
    return function is not None and value.__wrapped__ is function.func  # type: ignore[attr-defined]


def plain_name(original: Any) -> str:
    """Return the qualified name that an original was written under."""
    qualname: str = original.__qualname__
    suffix = _suffix(original)
    is_renamed = qualname.endswith(original.__name__ + suffix)
    return qualname.removesuffix(suffix) if is_renamed else qualname


def keep_importable(original: Any) -> None:
    """Let an original pickle by reference: as `f.func`, since `f` becomes the decorated.

    One that stands in its module under its own name, as in `g = workflow(f)`, keeps it;
    so does one that has no such name, a lambda or what is made inside a function. Since
    `f = workflow(f)` takes the name away later, this is called again before an original
    goes to another process.
    """
    if not isinstance(original, (FunctionType, type)) or "<" in original.__qualname__:
        return
    found: Any = sys.modules.get(original.__module__)
    for part in original.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not original:
        original.__qualname__ = plain_name(original) + _suffix(original)


def _suffix(original: Any) -> str:
    return ".cls" if isinstance(original, type) else ".func"
