"""What a result is, told from its pickle without unpickling it."""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from typing import Any

__all__ = ["describe_pickle"]

MOST_CLASSES = 5
MOST_CHARACTERS = 200

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY = {"EMPTY_LIST": "list", "EMPTY_DICT": "dict", "EMPTY_SET": "set", "EMPTY_TUPLE": "tuple"}
FRAMING = frozenset({"PROTO", "FRAME", "MEMOIZE", "MARK", "STOP"})


def describe_pickle(data: bytes) -> str:
    """Say what a pickle would give: a value that is a number or text, or the classes in it.

    Parameters
    ----------
    data
        A pickle, or the start of one.

    Examples
    --------
    >>> import pickle
    >>> describe_pickle(pickle.dumps(1.5)), describe_pickle(pickle.dumps([1, 2], 5))
    ('1.5', 'list')
    """
    steps = [step for step in _steps(data) if step[0] not in FRAMING]
    if len(steps) == 1 and steps[0][0] not in EMPTY:
        name, argument = steps[0]
        text = repr(CONSTANTS.get(name, argument))
        return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"
    kinds = [EMPTY[name] for name, _ in steps[:1] if name in EMPTY]
    found = list(dict.fromkeys([*kinds, *_classes(data)]))
    more = ", …" if len(found) > MOST_CLASSES else ""
    return ", ".join(found[:MOST_CLASSES]) + more or "a value"


def _classes(data: bytes) -> Iterator[str]:
    """Yield the functions and classes that a pickle names, in the order of their use."""
    texts: list[Any] = []
    memo: list[Any] = []
    for name, argument in _steps(data):
        if name == "MEMOIZE":
            memo.append(texts[-1] if texts else None)
        elif name in ("BINGET", "LONG_BINGET"):
            texts.append(memo[argument] if argument < len(memo) else None)
        elif name == "STACK_GLOBAL":
            yield ".".join(map(str, texts[-2:]))
            texts.append(None)
        elif name == "GLOBAL":
            yield argument.replace(" ", ".")
            texts.append(None)
        elif name not in FRAMING:
            texts.append(argument if isinstance(argument, str) else None)


def _steps(data: bytes) -> Iterator[tuple[str, Any]]:
    try:
        for opcode, argument, _ in pickletools.genops(data):
            yield opcode.name, argument
    except (ValueError, IndexError):  # The start of a longer one ends somewhere.
        return
