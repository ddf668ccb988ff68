"""Finding out what inside an object can't be pickled."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from functionfuse.arguments import Pack

__all__ = ["find_unpicklable"]


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
