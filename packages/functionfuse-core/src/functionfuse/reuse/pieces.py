"""Pieces of code: the functions and classes that a digest is of, each by name.

The digest of a node's code tells that something changed. What is stored of its pieces
tells which of them, so it decides nothing and may be short.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from functionfuse.decoration import plain_name
from functionfuse.reuse.values import combine

__all__ = ["Code", "CodePlace", "Piece", "Pieces", "merge_pieces", "name_pieces", "read_pieces"]

PIECE_BYTES = 4
"""Of a piece's digest so much is kept: two that differ are taken for one once in 4e9."""

STORED_CHARACTERS = 2000
"""Of more pieces those nearest to the node's function are stored, so that a read of the
result's first bytes still gives its whole header."""

GENERATED_FILE = "<string>"
"""Where the methods stand that a dataclass generates."""


class CodePlace(NamedTuple):
    """Where a function or class stood when it was loaded."""

    file: str
    first_line: int
    last_line: int

    def __str__(self) -> str:
        if "ipykernel_" in self.file or self.file.startswith("<ipython"):
            file = "a notebook's cell"
        else:
            file = self.file
            with contextlib.suppress(ValueError, OSError):  # It is elsewhere, or there is no here.
                file = str(Path(file).relative_to(Path.cwd()))
        if self.first_line == self.last_line:
            return f"{file}, line {self.first_line}"
        return f"{file}, lines {self.first_line}-{self.last_line}"


class Piece(NamedTuple):
    """A function or class, with the values that it uses, apart from other pieces."""

    name: str
    """Module and qualified name."""
    digest: str
    """In hexadecimal."""
    place: CodePlace | None
    """None of what was generated, and of a class without a method."""


class Pieces(tuple[Piece, ...]):
    """The pieces that some code consists of, the nearest to its start first."""

    @cached_property
    def text(self) -> str:
        """Names and digests as they are stored with a result, a line for each.

        A text, and made once, since a node may be one of many thousands of one function.
        """
        text = "\n".join(f"{name} {digest}" for name, digest, _ in self)
        if len(text) > STORED_CHARACTERS:
            text = text[:STORED_CHARACTERS].rpartition("\n")[0]
        return text


class Code(NamedTuple):
    """What a callable does, with all that it uses."""

    digest: bytes
    """16 bytes."""
    pieces: Pieces


def name_pieces(pieces: Iterable[tuple[Any, Sequence[bytes]]]) -> Pieces:
    """Return the functions and classes among some code.

    Parameters
    ----------
    pieces
        What the code is of, and digests of its parts.
    """
    return merge_pieces(
        Piece(
            f"{value.__module__}.{plain_name(value)}",
            combine(*digests)[:PIECE_BYTES].hex(),
            _place(value),
        )
        for value, digests in pieces
        if issubclass(type(value), (FunctionType, type))
    )


def merge_pieces(pieces: Iterable[Piece]) -> Pieces:
    """Return pieces of which those of one name, such as two lambdas, are made one."""
    named: dict[str, Piece] = {}
    for piece in pieces:
        earlier = named.setdefault(piece.name, piece)
        if earlier.digest != piece.digest:
            digests = (bytes.fromhex(earlier.digest), bytes.fromhex(piece.digest))
            digest = combine(*digests)[:PIECE_BYTES].hex()
            named[piece.name] = earlier._replace(digest=digest)
    return Pieces(named.values())


def read_pieces(text: str) -> Mapping[str, str]:
    """Return digests by name from what was stored with a result."""
    lines = (line.rpartition(" ") for line in text.splitlines())
    return {name: digest for name, _, digest in lines}


def _place(value: Any) -> CodePlace | None:
    codes = [code for code in _codes(value) if code.co_filename != GENERATED_FILE]
    if not codes:
        return None
    lines = [line for code in codes for line in (code.co_firstlineno, *_lines(code))]
    return CodePlace(codes[0].co_filename, min(lines), max(lines))


def _codes(value: Any) -> Iterator[CodeType]:
    """Return the code of a function, or of the functions that a class holds itself."""
    if isinstance(value, FunctionType):
        yield value.__code__
        return
    for member in vars(value).values():
        # Only its class is asked what a member is: a proxy may fail when it is asked itself.
        func = member.__func__ if type(member) in (staticmethod, classmethod) else member
        if type(func) is FunctionType and func.__module__ == value.__module__:
            yield func.__code__


def _lines(code: CodeType) -> Iterator[int]:
    yield from (line for _, _, line in code.co_lines() if line)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _lines(constant)
