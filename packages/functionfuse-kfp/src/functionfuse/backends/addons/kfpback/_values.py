"""What goes into the image as a pickle: functions that can't be imported, some arguments.

Each is named by a digest of what it is, not of its pickle: that differs from one process to
the next, and the same code is to make the same image.
"""

from __future__ import annotations

import dis
import io
import sys
from collections.abc import Iterator
from hashlib import blake2b
from types import CodeType, FunctionType
from typing import Any

import cloudpickle

from functionfuse.arguments import Pack, Slot
from functionfuse.decoration import is_decorated
from functionfuse.reuse.code import CodeDigests
from functionfuse.reuse.values import UnhashableValueError, ValueDigests, combine

__all__ = ["Values"]


class Values:
    """Pickles by their digests.

    Parameters
    ----------
    script
        Where `__main__` is for the containers; None if they have none, and what it defines
        is pickled by value.
    """

    def __init__(self, script: str | None) -> None:
        self.pickles: dict[str, bytes] = {}
        self._has_script = script is not None
        self._code = CodeDigests()
        self._digests = ValueDigests(self._code.own_code)
        self._kept: list[Any] = []
        self._added: dict[int, str] = {}

    def add(self, value: Any) -> str:
        """Add an object; return its digest.

        Raises
        ------
        Exception
            If it can't be pickled.
        """
        if id(value) not in self._added:
            pickler, data = self._pickle(value)
            digest = self._digest(value, pickler) or blake2b(data, digest_size=16).hexdigest()
            self._kept.append(value)  # Else another object could get its identity.
            self._added[id(value)] = digest
            self.pickles[digest] = data
        return self._added[id(value)]

    def dump(self, value: Any) -> bytes:
        """Return the pickle of an object, which is not added."""
        return self._pickle(value)[1]

    def _pickle(self, value: Any) -> tuple[_Pickler, bytes]:
        stream = io.BytesIO()
        pickler = _Pickler(stream, has_script=self._has_script)
        pickler.dump(value)
        return pickler, stream.getvalue()

    def _digest(self, value: Any, pickler: _Pickler) -> str | None:
        """Digest an object; None if its content is not sure to be the same in other processes."""
        parts: list[bytes] = []
        try:
            copies = map(_content, pickler.copies.values())
            for part in (*_parts(value), pickler.places(), pickler.key_orders, *copies):
                digest = self._digests.digest(part)
                if not digest.is_stable:
                    return None
                parts += [digest.content, *[code.digest for code in digest.code]]
        except (UnhashableValueError, TypeError, ValueError):
            return None
        return combine(*parts).hex()


class _Pickler(cloudpickle.Pickler):
    """Pickles what can't be imported, too, but only names what the script defines.

    A copy of a class of the script would be another class than that of other nodes.

    Attributes
    ----------
    copies
        The functions and classes that the pickle holds, by their identities.
    """

    def __init__(self, stream: io.BytesIO, *, has_script: bool) -> None:
        super().__init__(stream, protocol=5)
        self.copies: dict[int, Any] = {}
        self._has_script = has_script
        self._met: list[Any] = []
        self.key_orders: list[list[Any]] = []
        """Of the dictionaries, whose order their digests leave out."""

    def persistent_id(self, value: Any) -> None:
        if isinstance(value, (FunctionType, type)):
            self._met.append(value)
        elif type(value) is dict and len(value) > 1:
            self.key_orders.append(list(value))

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, (FunctionType, type)):
            return super().reducer_override(obj)
        if self._has_script and _is_in_script(obj):
            return obj.__qualname__
        reduced = super().reducer_override(obj)
        if reduced is not NotImplemented:
            self.copies[id(obj)] = obj
        return reduced

    def places(self) -> list[int]:
        """Return which of the copies stands at each place where one does."""
        numbers = {key: number for number, key in enumerate(self.copies)}
        return [numbers[id(value)] for value in self._met if id(value) in numbers]


def _is_in_script(value: Any) -> bool:
    found: Any = sys.modules["__main__"]
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value and value.__module__ == "__main__"


def _parts(value: Any) -> list[Any]:
    """Return what an object is made of, of which the library's own do not compare by value."""
    if isinstance(value, Slot):
        return ["slot", value.parent, value.keys]
    if isinstance(value, Pack):
        values = [part for item in value.values for part in _parts(item)]
        return ["pack", value.kind.__name__, value.keys, *values]
    return [value]


def _content(copied: Any) -> list[Any]:
    """Return what a pickle holds of a function or class, of which a digest has only the code."""
    if isinstance(copied, type):
        values = {
            name: value
            for name, value in vars(copied).items()
            if not name.startswith("__") and name != "_abc_impl" and not hasattr(value, "__get__")
        }
        return [copied, values]
    if is_decorated(copied):
        return [copied.__wrapped__]
    names = set(_globals_in(copied.__code__)) & copied.__globals__.keys()
    captured = [cell.cell_contents for cell in copied.__closure__ or ()]
    defaults = [copied.__defaults__, copied.__kwdefaults__]
    used = {name: copied.__globals__[name] for name in names}
    return [copied, used, captured, defaults, vars(copied)]


def _globals_in(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_in(constant)
