"""Finding out what inside an object can't be pickled."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

from functionfuse.arguments import Pack

__all__ = ["find_all_unpicklable", "find_unpicklable", "named_arguments"]


def named_arguments(args: Iterable[Any] | None, kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the templates of a node's arguments, by what to call them."""
    parts = {f"argument {index}": value for index, value in enumerate(args or ())}
    return parts | {f"argument {name!r}": value for name, value in (kwargs or {}).items()}


def find_all_unpicklable(parts: Mapping[str, Any]) -> list[str]:
    """Say of each object that can't be pickled what `find_unpicklable` says of it.

    Parameters
    ----------
    parts
        Objects, by what to call them.
    """
    found = [find_unpicklable(value, name) for name, value in parts.items()]
    return [text for text in found if text is not None]


def find_unpicklable(value: Any, name: str) -> str | None:
    """Say which part of an object can't be pickled, and why.

    Parameters
    ----------
    value
        The object.
    name
        What to call it.

    Returns
    -------
    str or None
        Such as `argument 'C'['lock'] of type lock: cannot pickle '_thread.lock' object`;
        None if the object can be pickled.
    """
    reason = _reason(value)
    if reason is None:
        return None
    within = {id(value)}
    while True:
        for suffix, part in _parts(value):
            part_reason = None if id(part) in within else _reason(part)
            if part_reason is not None:
                within.add(id(part))
                value, name, reason = part, name + suffix, part_reason
                break
        else:
            return f"{name} of type {type(value).__qualname__}: {reason}"


def _reason(value: Any) -> str | None:
    try:
        pickle.dumps(value, protocol=5)
    except Exception as error:  # Objects pickle by code of their own.
        return str(error) or type(error).__name__
    return None


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, Pack):  # A container that holds nodes.
        keys = value.keys or range(len(value.values))
        yield from ((f"[{key!r}]", part) for key, part in zip(keys, value.values, strict=True))
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"[{index}]", part) for index, part in enumerate(value))
    elif not isinstance(value, (type, FunctionType)):
        yield from ((f".{key}", part) for key, part in getattr(value, "__dict__", {}).items())
