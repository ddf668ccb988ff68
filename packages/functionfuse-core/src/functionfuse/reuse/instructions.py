"""The instructions of a code object, without what has no meaning."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType
from typing import Any

from functionfuse.reuse.values import combine

__all__ = ["NormalizedCode"]

_MEANING_FLAGS = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
"""Variable arguments, generator, coroutine: flags that change what a code object does."""

_NO_MEANING = frozenset({"CACHE", "EXTENDED_ARG", "NOP"})
_DESCRIBING_NAMES = frozenset({"__doc__", "__firstlineno__", "__static_attributes__"})
_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
_NAMES = frozenset((*dis.hasname, *dis.haslocal, *dis.hasfree))
_CONSTANTS = frozenset(dis.hasconst)


class NormalizedCode:
    """What a code object, with those inside it, does and what it uses.

    Constants and names stand in the instructions by value, jumps by the number of the
    instruction they lead to, so that a docstring or an unused constant moves nothing.

    Attributes
    ----------
    parts
        Its content, to be digested.
    globals
        Names of globals that it reads.
    rebound_globals, rebound_cells
        Names of globals and of closure variables that it rebinds.
    attributes
        Attribute chains that it reads off globals, such as `("helpers", "clean")`.
    stored_attributes
        Names of attributes that it sets on any object.
    """

    def __init__(self, code: CodeType) -> None:
        self.parts: list[bytes] = []
        self.globals: set[str] = set()
        self.rebound_globals: set[str] = set()
        self.rebound_cells: set[str] = set()
        self.attributes: set[tuple[str, ...]] = set()
        self.stored_attributes: set[str] = set()
        self._read(code)

    def _read(self, code: CodeType) -> None:
        arguments = code.co_argcount + code.co_kwonlyargcount
        head = (
            code.co_argcount,
            code.co_posonlyargcount,
            code.co_varnames[:arguments],
            code.co_freevars,
            code.co_flags & _MEANING_FLAGS,
        )
        self._add(repr(head))
        instructions = list(_meaningful(dis.Bytecode(code)))
        numbers = _numbers(instructions)
        chain: tuple[str, ...] = ()
        for instruction in instructions:
            self._add(instruction.opname)
            self._add_argument(instruction, code, numbers)
            chain = self._note_use(instruction, chain)
        for entry in getattr(dis.Bytecode(code), "exception_entries", ()):
            ends = [numbers.get(offset, -1) for offset in (entry.start, entry.end, entry.target)]
            self._add(repr((*ends, entry.depth, entry.lasti)))

    def _add(self, text: str) -> None:
        self.parts.append(text.encode("utf-8", "surrogatepass"))

    def _add_argument(
        self, instruction: dis.Instruction, code: CodeType, numbers: dict[int, int]
    ) -> None:
        opcode, value = instruction.opcode, instruction.argval
        if instruction.opname == "KW_NAMES":  # Of this one, dis in Python 3.11 knows no value.
            value = code.co_consts[instruction.arg or 0]
        if opcode in _JUMPS:
            self._add(str(numbers.get(value, -1)))
        elif opcode in _CONSTANTS:
            if isinstance(value, CodeType):
                self._read(value)
            else:
                self.parts.append(_constant_digest(value))
        else:
            self._add(repr(value if opcode in _NAMES else instruction.arg))

    def _note_use(self, instruction: dis.Instruction, chain: tuple[str, ...]) -> tuple[str, ...]:
        """Note what an instruction uses; return the attribute chain that it continues."""
        name, opname = instruction.argval, instruction.opname
        if opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            self.globals.add(name)
            return (name,)
        if opname in ("LOAD_ATTR", "LOAD_METHOD") and chain:
            chain = (*chain, name)
            self.attributes.add(chain)
            return chain
        if opname in ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"):
            return (name,)
        if opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            self.rebound_globals.add(name)
        elif opname in ("STORE_DEREF", "DELETE_DEREF"):
            self.rebound_cells.add(name)
        elif opname == "STORE_ATTR":
            self.stored_attributes.add(name)
        return ()


def _meaningful(bytecode: dis.Bytecode) -> Iterator[dis.Instruction]:
    """Leave out padding, and what a class body says of itself: a value stored in `__doc__`."""
    held: dis.Instruction | None = None
    for instruction in bytecode:
        if instruction.opname in _NO_MEANING:
            continue
        if instruction.opname == "STORE_NAME" and instruction.argval in _DESCRIBING_NAMES:
            held = None
            continue
        if held is not None:
            yield held
        held = instruction
    if held is not None:
        yield held


def _numbers(instructions: list[dis.Instruction]) -> dict[int, int]:
    """Return the number of the instruction at, or next after, each byte offset."""
    numbers: dict[int, int] = {}
    offset = 0
    for number, instruction in enumerate(instructions):
        while offset <= instruction.offset:
            numbers[offset] = number
            offset += 1
    return numbers


def _constant_digest(value: Any) -> bytes:
    """Digest a constant: an atom, or a tuple or frozenset of constants."""
    name = type(value).__name__.encode()
    if isinstance(value, tuple):
        return combine(name, *map(_constant_digest, value))
    if isinstance(value, frozenset):
        return combine(name, *sorted(map(_constant_digest, value)))
    return combine(name, repr(value).encode("utf-8", "surrogatepass"))
