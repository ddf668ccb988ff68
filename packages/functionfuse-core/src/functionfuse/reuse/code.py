"""Digests of code: what a function does, apart from where it stands and what it says of itself.

They are taken from the instructions of the loaded code object, since a source file may
have been edited after it was loaded. Line numbers, docstrings and local layout do not
count. What a function uses counts: functions and classes of the user's own modules, and
immutable values, in globals and closures, that it does not itself rebind.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType
from typing import Any

from functionfuse.decoration import is_decorated
from functionfuse.reuse.instructions import NormalizedCode
from functionfuse.reuse.pieces import Code, name_pieces
from functionfuse.reuse.values import (
    ATOMS,
    UnhashableValueError,
    ValueDigests,
    combine,
    qualified_name,
)

__all__ = ["CodeDigests"]

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_SELF_DESCRIPTION = frozenset(
    {
        "__abstractmethods__",
        "__annotate__",
        "__annotate_func__",
        "__annotations__",
        "__annotations_cache__",
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__module__",
        "__qualname__",
        "__slotnames__",  # pickle leaves it on the classes of what it writes
        "__static_attributes__",
        "__weakref__",
    }
)
"""Attributes of a class that say what it is and change nothing that it does."""


_Variable = tuple[int, str]
"""A global or closure variable: the identity of its namespace or cell, and its name."""

_ANY_CLASS = 0
"""Stands for the namespace of every class: which one `x.name = …` changes can't be told."""


@dataclass
class _Piece:
    """What a function or class does, apart from what it refers to."""

    parts: list[bytes] = field(default_factory=list)
    references: list[Any] = field(default_factory=list)
    variables: dict[_Variable, _Piece] = field(default_factory=dict)
    """What counts of each variable that it reads."""
    rebound: set[_Variable] = field(default_factory=set)


class CodeDigests:
    """Digests functions and classes, each once; made anew for each run.

    Parameters
    ----------
    callables
        The callables of the nodes: their packages count as the user's own, installed or not.
    """

    def __init__(self, callables: Iterable[Any] = ()) -> None:
        self._packages = {str(getattr(c, "__module__", "")).partition(".")[0] for c in callables}
        self._pieces: dict[int, tuple[Any, _Piece]] = {}
        self._codes: dict[int, Code] = {}

    def digest(self, value: Callable[..., Any]) -> bytes:
        """Digest a callable with all that it uses (16 bytes)."""
        return self.code(value).digest

    def code(self, value: Callable[..., Any]) -> Code:
        """Digest a callable with all that it uses; tell the pieces."""
        value = _plain(value)
        if id(value) not in self._codes:
            self._codes[id(value)] = self._reachable(value)
        return self._codes[id(value)]

    def own_code(self, value: Callable[..., Any]) -> Code | None:
        """Digest a function or class if it is the user's own; what is installed counts by name."""
        value = _plain(value)
        return self.code(value) if self._is_own_code(value) else None

    def _reachable(self, root: Any) -> Code:
        """Digest a piece of code with all it refers to.

        Variables that any of it rebinds do not count: they change as it runs.
        """
        rebound: set[_Variable] = set()
        for _, piece, _ in self._reach(root, frozenset()):
            rebound |= piece.rebound
        parts = []
        own_parts: dict[int, tuple[Any, list[bytes]]] = {}
        for value, piece, numbers in self._reach(root, rebound):
            digest = combine(*piece.parts)
            own_parts.setdefault(id(value), (value, []))[1].append(digest)
            parts.append(digest)
            parts += [b"%d" % number for number in numbers]
        return Code(combine(*parts), name_pieces(own_parts.values()))

    def _reach(self, root: Any, ignored: Set[_Variable]) -> Iterator[tuple[Any, _Piece, list[int]]]:
        """Yield all code in the order in which it is met: of what, what, the numbers it refers to.

        What it is of comes once for its own piece and once for each variable that counts.
        """
        numbers = {id(root): 0}
        values = [root]
        for value in values:
            piece = self._piece(value)
            counted = [piece, *(piece.variables[v] for v in piece.variables if v not in ignored)]
            for part in counted:
                for reference in part.references:
                    if id(reference) not in numbers:
                        numbers[id(reference)] = len(numbers)
                        values.append(reference)
                yield value, part, [numbers[id(reference)] for reference in part.references]

    def _piece(self, value: Any) -> _Piece:
        if id(value) not in self._pieces:
            self._pieces[id(value)] = (value, self._read(value))
        return self._pieces[id(value)][1]

    def _read(self, value: Any) -> _Piece:
        piece = _Piece()
        if isinstance(value, FunctionType):
            self._read_function(value, piece)
        elif isinstance(value, type):
            self._read_class(value, piece)
        elif isinstance(value, functools.partial):
            piece.references.append(_plain(value.func))
            for argument in (*value.args, *value.keywords.items()):
                self._count_argument(argument, piece)
        elif isinstance(value, MethodType):
            self._count("function", value.__func__, piece)
            self._count("class", type(value.__self__), piece)
        elif isinstance(value, BuiltinFunctionType):
            piece.parts.append(qualified_name(value).encode())
        else:
            self._count("class", type(value), piece)
        return piece

    def _read_function(self, func: FunctionType, piece: _Piece) -> None:
        code = NormalizedCode(func.__code__)
        piece.parts.extend(code.parts)
        for default in (*(func.__defaults__ or ()), *(func.__kwdefaults__ or {}).items()):
            self._count("default", default, piece)
        cells = dict(zip(func.__code__.co_freevars, func.__closure__ or (), strict=True))
        space = func.__globals__
        values = {name: space.get(name) for name in code.globals}
        values |= {name: cell.cell_contents for name, cell in cells.items() if not _is_empty(cell)}
        for name in sorted(values):
            self._count_variable(cells.get(name, space), name, values[name], piece)
        for path in sorted(code.attributes):
            self._count_attribute(values.get(path[0]), path[1:], piece)
        piece.rebound |= {(id(space), name) for name in code.rebound_globals}
        piece.rebound |= {(_ANY_CLASS, name) for name in code.stored_attributes}
        piece.rebound |= {(id(cells[name]), name) for name in code.rebound_cells & cells.keys()}

    def _count_attribute(self, value: Any, path: tuple[str, ...], piece: _Piece) -> None:
        """Count what `helpers.clean` stands for, as far as modules go."""
        owner = None
        for name in path:
            owner = value
            if not issubclass(type(owner), ModuleType) or not self._is_own(owner.__name__):
                return
            value = vars(owner).get(name)
        self._count_variable(vars(owner), path[-1], value, piece)

    def _count_variable(self, owner: Any, name: str, value: Any, piece: _Piece) -> None:
        self._count(name, value, piece.variables.setdefault((id(owner), name), _Piece()))

    def _read_class(self, cls: type, piece: _Piece) -> None:
        for base in cls.__bases__:
            self._count("base", base, piece)
        members = [
            (name, function)
            for name, member in sorted(vars(cls).items())
            if name not in _SELF_DESCRIPTION
            for function in _functions_of(member)
        ]
        if issubclass(cls, Enum):
            members += [(name, member.value) for name, member in cls.__members__.items()]
        for name, value in members:
            if issubclass(type(value), FunctionType):
                piece.parts.append(name.encode())
                piece.references.append(_plain(value))
            else:
                variable = piece.variables.setdefault((_ANY_CLASS, name), _Piece())
                self._count(name, value, variable)

    def _count(self, name: str, value: Any, piece: _Piece) -> None:
        """Count something that code uses under a name, if it is of a kind that counts."""
        value = _plain(value)
        if self._is_own_code(value) or issubclass(type(value), (functools.partial, MethodType)):
            piece.parts.append(name.encode())
            piece.references.append(value)
        elif issubclass(type(value), (FunctionType, BuiltinFunctionType, type)):
            piece.parts.extend((name.encode(), qualified_name(value).encode()))
        elif _is_immutable(value):
            piece.parts.append(name.encode())
            self._count_argument(value, piece)
        elif type(value) is tuple:
            for index, item in enumerate(value):
                self._count(f"{name}[{index}]", item, piece)
        elif self._is_own_code(type(value)):  # Its state may change, its methods don't.
            piece.parts.append(name.encode())
            piece.references.append(type(value))

    def _count_argument(self, value: Any, piece: _Piece) -> None:
        """Count a value by its content, and the functions in it by their code."""

        def refer(function: Any) -> None:
            function = _plain(function)
            if self._is_own_code(function):
                piece.references.append(function)

        with contextlib.suppress(UnhashableValueError):
            digest = ValueDigests(refer).digest(value)
            if digest.is_stable:
                piece.parts.append(digest.content)

    def _is_own_code(self, value: Any) -> bool:
        return issubclass(type(value), (FunctionType, type)) and self._is_own(value.__module__)

    def _is_own(self, module_name: str | None) -> bool:
        """Tell whether a module is the user's: neither Python's, nor installed, nor ours."""
        package = str(module_name).partition(".")[0]
        if package in sys.stdlib_module_names or package == "functionfuse":
            return False
        if package == "__main__" or package in self._packages:
            return True
        file = getattr(sys.modules.get(str(module_name)), "__file__", None)
        return file is not None and _INSTALLED.isdisjoint(PurePath(file).parts)


def _plain(value: Any) -> Any:
    """Return the function that a decorated, cached or otherwise wrapped one stands for.

    Only the class is asked what a value is: a proxy may fail when it is asked itself.
    """
    if is_decorated(value):
        return value.func
    if issubclass(type(value), (FunctionType, type)):
        return value
    try:
        wrapped = object.__getattribute__(value, "__dict__").get("__wrapped__")
    except AttributeError:
        return value
    return wrapped if type(wrapped) is FunctionType else value


def _is_empty(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return True
    return False


def _functions_of(member: Any) -> Iterable[Any]:
    """Return what a class attribute holds: the functions behind a descriptor, or itself."""
    kind = type(member)
    if issubclass(kind, (staticmethod, classmethod)):
        return (member.__func__,)
    if issubclass(kind, property):
        return tuple(f for f in (member.fget, member.fset, member.fdel) if f is not None)
    if issubclass(kind, functools.cached_property):
        return (member.func,)
    return (member,)


def _is_immutable(value: Any) -> bool:
    if type(value) in (tuple, frozenset):
        return all(map(_is_immutable, value))
    return type(value) in ATOMS
