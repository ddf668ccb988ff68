"""Digests of values, for arguments that are literals: the same in every process.

Values are walked by structure, not by their pickle: a set has no order, and whether two
equal parts are one object depends on chance. Functions and classes in a value count by
name; what they do is told apart, since it alone depends on the version of Python.
"""

from __future__ import annotations

import copyreg
import functools
from collections.abc import Callable, Iterable
from enum import Enum
from hashlib import blake2b
from pathlib import PurePath
from pickle import PickleBuffer
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from functionfuse.reuse.pieces import Code

__all__ = [
    "ATOMS",
    "UnhashableValueError",
    "ValueDigest",
    "ValueDigests",
    "combine",
    "qualified_name",
]

ATOMS = frozenset(
    {type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented)}
)
"""Types whose `repr` says all."""

DIGEST_BYTES = 16


class UnhashableValueError(TypeError):
    """A value whose content can't be taken apart, such as an open file."""


class ValueDigest(NamedTuple):
    """What a value is."""

    content: bytes
    """Digest of its content, 16 bytes."""
    code: tuple[Code, ...] = ()
    """What the functions and classes in it do."""
    is_stable: bool = True
    """Whether the content is sure to be the same in the next process: true unless an object
    with a state of its own does not compare by value."""


def combine(*parts: bytes | memoryview) -> bytes:
    """Return one digest (16 bytes) of several; where one part ends counts."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


def qualified_name(value: Any) -> str:
    """Return module and qualified name of a function or class."""
    return f"{getattr(value, '__module__', None)}.{getattr(value, '__qualname__', repr(value))}"


class ValueDigests:
    """Digests values, each object once.

    Parameters
    ----------
    code_of
        What gives the code of a function or class; None if it does not count.

    Notes
    -----
    Digests are kept by object identity, so the values must stay alive and unchanged.
    """

    def __init__(self, code_of: Callable[[Any], Code | None]) -> None:
        self._code_of = code_of
        self._known: dict[int, tuple[Any, ValueDigest]] = {}
        self._cyclic: dict[int, tuple[Any, ValueDigest]] = {}
        self._within: dict[int, int] = {}
        self._has_cycle = False

    def digest(self, value: Any) -> ValueDigest:
        """Digest a value by its content.

        Raises
        ------
        UnhashableValueError
            If the value can't be taken apart.
        """
        if id(value) in self._cyclic:
            return self._cyclic[id(value)][1]
        self._within.clear()
        self._has_cycle = False
        known_before = len(self._known)
        try:
            digest = self._walk(value)
        except Exception as error:  # Objects take themselves apart by code of their own.
            msg = f"a value of type {type(value).__name__} can't be digested: {error}"
            raise UnhashableValueError(msg) from error
        if self._has_cycle:
            # The digests of parts of a cycle depend on where it was entered.
            for key in list(self._known)[known_before:]:
                del self._known[key]
            self._cyclic[id(value)] = value, digest
        return digest

    def _walk(self, value: Any) -> ValueDigest:
        kind = type(value)
        if kind in ATOMS:
            return ValueDigest(combine(kind.__name__.encode(), _repr_bytes(value)))
        key = id(value)
        if key in self._known:
            return self._known[key][1]
        if key in self._within:
            self._has_cycle = True
            return ValueDigest(combine(b"cycle", b"%d" % (len(self._within) - self._within[key])))
        self._within[key] = len(self._within)
        digest = self._take_apart(value, kind)
        del self._within[key]
        self._known[key] = value, digest
        return digest

    def _take_apart(self, value: Any, kind: Any) -> ValueDigest:
        name = qualified_name(kind).encode()
        if kind in (list, tuple):
            return _join(name, self._sequence(value))
        if kind is dict:
            return _join(name, self._pairs(value))
        if issubclass(kind, (set, frozenset)):
            return _join(name, sorted(map(self._walk, value)))
        if kind in (bytearray, memoryview):
            return ValueDigest(combine(name, memoryview(value).cast("B")))
        if kind is PickleBuffer:
            return ValueDigest(combine(name, value.raw()))
        if isinstance(value, PurePath):  # Its module and its parts differ among Pythons.
            return ValueDigest(combine(kind.__name__.encode(), _repr_bytes(str(value))))
        if isinstance(value, (type, FunctionType)):
            return self._named(value, name, qualified_name(value))
        if isinstance(value, ModuleType):
            return ValueDigest(combine(name, value.__name__.encode()))
        if kind is BuiltinFunctionType and not isinstance(value.__self__, (ModuleType, type(None))):
            return _join(name, map(self._walk, (value.__name__, value.__self__)))
        if isinstance(value, Enum):
            return _join(name, map(self._walk, (kind, value._name_, value._value_)))
        if isinstance(value, functools.partial):
            return _join(name, map(self._walk, (value.func, value.args, value.keywords)))
        return self._reduced(value, kind, name)

    def _named(self, value: Any, kind: bytes, name: str) -> ValueDigest:
        """Digest what counts by name, with its code apart."""
        code = self._code_of(value)
        return ValueDigest(combine(kind, name.encode()), () if code is None else (code,))

    def _pairs(self, value: dict[Any, Any]) -> Iterable[ValueDigest]:
        """Digest a dict whatever its order, which may come from that of a set."""
        if ATOMS.issuperset(map(type, value)) and ATOMS.issuperset(map(type, value.values())):
            return [ValueDigest(combine(*sorted(map(_repr_bytes, value.items()))))]
        return sorted(_join(b"pair", map(self._walk, pair)) for pair in value.items())

    def _sequence(self, values: Iterable[Any]) -> Iterable[ValueDigest]:
        if ATOMS.issuperset(map(type, values)):
            return [ValueDigest(combine(_repr_bytes(list(values))))]
        return map(self._walk, values)

    def _reduced(self, value: Any, kind: Any, name: bytes) -> ValueDigest:
        reducer = copyreg.dispatch_table.get(kind)
        reduced: Any = reducer(value) if reducer is not None else value.__reduce_ex__(5)
        if isinstance(reduced, str):
            return self._named(value, name, reduced)
        parts = [list(part) if hasattr(part, "__next__") else part for part in reduced[1:]]
        digest = _join(name, map(self._walk, (kind, *parts)))
        has_state = any(part is not None for part in parts[1:])
        if has_state and kind.__eq__ is object.__eq__:
            return digest._replace(is_stable=False)
        return digest


def _join(name: bytes, parts: Iterable[ValueDigest]) -> ValueDigest:
    parts = list(parts)
    return ValueDigest(
        combine(name, *[part.content for part in parts]),
        tuple([code for part in parts for code in part.code]),
        all([part.is_stable for part in parts]),
    )


def _repr_bytes(value: Any) -> bytes:
    return repr(value).encode("utf-8", "surrogatepass")
