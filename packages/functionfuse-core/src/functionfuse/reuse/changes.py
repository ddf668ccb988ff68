"""What changed since a result was saved: code, arguments, upstream; in words, for machines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from functionfuse.reuse.fingerprint import Fingerprint, is_same_python
from functionfuse.reuse.pieces import CodePlace, Pieces, read_pieces
from functionfuse.storage.format import Header

__all__ = ["ArgumentChange", "Change", "CodeChange", "PieceChange", "UpstreamChange", "changes"]

PARENT = re.compile(r"<parent (\d+)>")
TYPE = re.compile(r"(?:builtins\.)?(\S*) ?\b[0-9a-f]{32}$")
"""What stands for a value that is not kept itself: its type, unless it was long, and digest."""


class PieceChange(NamedTuple):
    """A function or class that is not what it was, or of which a value that it uses is not."""

    name: str
    how: str
    """`changed`, `new` or `gone`."""
    place: CodePlace | None
    """Where it stands now, if that is known."""

    def __str__(self) -> str:
        words = {"changed": "", "new": ", which is new", "gone": ", which is no longer used"}
        place = "" if self.place is None else f" ({self.place})"
        return f"{self.name.removeprefix('__main__.')}{place}{words[self.how]}"


class CodeChange(NamedTuple):
    """Other code; `pieces` tells which, as far as that is known."""

    pieces: Sequence[PieceChange]
    subject: str = "code"

    def __str__(self) -> str:
        return "code changed" + (": " if self.pieces else "") + ", ".join(map(str, self.pieces))

    def to_dict(self) -> dict[str, Any]:
        """Return what it says, for JSON."""
        pieces = []
        for name, how, place in self.pieces:
            where = {} if place is None else place._asdict()
            pieces.append({"name": name, "how": how, **where})
        return {"what": self.subject, "pieces": pieces}


class ArgumentChange(NamedTuple):
    """Another argument; what it was and is, None where there is none."""

    name: str
    was: str | None
    now: str | None

    @property
    def subject(self) -> str:
        """What changed, without how."""
        return f"argument {self.name}"

    def __str__(self) -> str:
        if self.was is None:
            return f"{self.subject} is new: {self.now}"
        if self.now is None:
            return f"{self.subject} was {self.was}, is left out"
        if self.was == self.now:
            return f"{self.subject} is another {self.now}"
        return f"{self.subject} was {self.was}, is {self.now}"

    def to_dict(self) -> dict[str, Any]:
        """Return what it says, for JSON."""
        return {"what": "argument", **self._asdict()}


class UpstreamChange(NamedTuple):
    """Parents whose results are not those that the result was made from."""

    parents: Sequence[str] = ()
    how: str = ""
    subject: str = "upstream"

    def __str__(self) -> str:
        return "upstream changed" + (f": {self.how}" if self.how else "")

    def to_dict(self) -> dict[str, Any]:
        """Return what it says, for JSON."""
        return {"what": self.subject, "parents": list(self.parents), "how": self.how}


Change = CodeChange | ArgumentChange | UpstreamChange


def changes(now: Fingerprint, header: Header, parents: Sequence[str] = ()) -> list[Change]:
    """Say what changed since a result was saved.

    Parameters
    ----------
    now
        The fingerprint of the node as it is, which does not fit.
    header
        Of the result.
    parents
        The names of the node's parents.
    """
    found: list[Change] = []
    stored = header.fingerprint or {}
    same_python = is_same_python(header.python)
    if same_python and stored.get("code") != now.code:
        found.append(CodeChange(_changed_pieces(now.pieces, stored.get("pieces", ""))))
    saved = stored.get("arguments", {})
    for name in {**saved, **now.arguments}:
        was, argument = saved.get(name), now.arguments.get(name)
        if was != argument:
            found.append(ArgumentChange(name, _readable(was, ()), _readable(argument, parents)))
    if not found or (same_python and stored.get("upstream") != now.upstream):
        found.append(UpstreamChange())
    return found


def _changed_pieces(now: Pieces, stored: str) -> list[PieceChange]:
    """Find the changed pieces; one that comes or goes counts only where none is changed.

    What uses a new one has changed by that, unless the new has the name of what went.
    """
    saved = read_pieces(stored)
    changed = [
        PieceChange(name, "changed", place)
        for name, digest, place in now
        if saved.get(name, digest) != digest
    ]
    if changed or not saved:
        return changed
    names = read_pieces(now.text).keys()
    new = [
        PieceChange(name, "new", place)
        for name, _, place in now
        if name in names and name not in saved
    ]
    return new + [PieceChange(name, "gone", None) for name in saved if name not in names]


def _readable(text: str | None, parents: Sequence[str]) -> str | None:
    """Return an argument as it is kept, with names of parents, and types for digests."""
    if text is None:
        return None

    def name(match: re.Match[str]) -> str:
        number = int(match[1])
        return parents[number] if number < len(parents) else "<a node>"

    digested = TYPE.fullmatch(text)
    return f"<{digested[1] or 'long value'}>" if digested else PARENT.sub(name, text)
