"""What goes into the image as a pickle: functions that can't be imported, some arguments.

Each is named by a digest of what it is, not of its pickle: that differs from one process to
the next, and the same code is to make the same image.
"""

from __future__ import annotations

import pickle
from hashlib import blake2b
from inspect import getclosurevars
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import cloudpickle

from functionfuse.arguments import Pack, Slot
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
        self._by_value = script is None
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
            data = self._pickle(value)
            digest = self._digest(value) or blake2b(data, digest_size=16).hexdigest()
            self._kept.append(value)  # Else another object could get its identity.
            self._added[id(value)] = digest
            self.pickles[digest] = data
        return self._added[id(value)]

    def _pickle(self, value: Any) -> bytes:
        if not self._by_value:
            try:
                return pickle.dumps(value, protocol=5)
            except Exception:
                pass
        data: bytes = cloudpickle.dumps(value, protocol=5)
        return data

    def _digest(self, value: Any) -> str | None:
        """Digest an object; None if its content is not sure to be the same in other processes."""
        parts: list[bytes] = []
        try:
            for part in _parts(value):
                digest = self._digests.digest(part)
                if not digest.is_stable:
                    return None
                parts += [digest.content, *[code.digest for code in digest.code]]
        except (UnhashableValueError, TypeError, ValueError):
            return None
        return combine(*parts).hex()


def _parts(value: Any) -> list[Any]:
    """Return what an object is made of: the digest of a function leaves out what may change."""
    if isinstance(value, Slot):
        return ["slot", value.parent, value.keys]
    if isinstance(value, Pack):
        values = [part for item in value.values for part in _parts(item)]
        return ["pack", value.kind.__name__, value.keys, *values]
    parts = [value]
    seen = set()
    for part in parts:
        if isinstance(part, FunctionType) and id(part) not in seen:
            seen.add(id(part))
            captured = getclosurevars(part)
            used = {**captured.globals, **captured.nonlocals}
            parts += [
                used[name]
                for name in sorted(used)
                if not isinstance(used[name], (ModuleType, BuiltinFunctionType, type))
                and not hasattr(used[name], "__wrapped__")
            ]
    return parts
