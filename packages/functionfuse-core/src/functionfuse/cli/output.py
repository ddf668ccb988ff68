"""What commands print."""

from __future__ import annotations

import json
import reprlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["say", "say_json", "say_table", "shorten"]

_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 200


def say(text: str) -> None:
    """Print a text, also where the terminal can't show all its characters."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")


def say_json(value: Any) -> None:
    """Print JSON."""
    say(json.dumps(value, indent=2))


def say_table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns, all but the last as wide as their widest cell."""
    rows = list(rows)
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        say("  ".join(cells).rstrip())


def shorten(value: Any) -> str:
    """Return how a value is written, cut where it is long."""
    return _repr.repr(value)
