"""Large literal arguments, put into Ray's object store once for all nodes that take them."""

from __future__ import annotations

from typing import Any

import cloudpickle
import ray

from functionfuse.arguments import Pack, Slot

__all__ = ["Literals"]

LARGE_BYTES = 100_000
"""What is larger Ray itself puts into its object store, anew with every task."""

_SMALL_TYPES = frozenset({bool, complex, float, int, type(None), Slot})


class Literals:
    """Replaces large literals in the templates of arguments by references."""

    def __init__(self) -> None:
        self._references: dict[int, Any] = {}
        """By the literal's id, None for a small one; the graph keeps all of them alive."""

    def extract(
        self, args: tuple[Any, ...] | None, kwargs: dict[str, Any] | None, parent_count: int
    ) -> tuple[tuple[Any, ...] | None, dict[str, Any] | None, list[Any]]:
        """Return the templates with slots for large literals, and the references for these.

        Parameters
        ----------
        args, kwargs
            Templates of a node's arguments.
        parent_count
            How many parents there are: the references come after their results.
        """
        extraction = _Extraction(self, parent_count)
        if args is not None:
            args = tuple([extraction.template(value) for value in args])
        if kwargs is not None:
            kwargs = {key: extraction.template(value) for key, value in kwargs.items()}
        return args, kwargs, extraction.references

    def reference(self, value: Any) -> Any:
        """Return the reference for a literal, or None if it is small."""
        key = id(value)
        if key not in self._references:
            self._references[key] = ray.put(value) if _is_large(value) else None
        return self._references[key]


class _Extraction:
    """What is found in the arguments of one node."""

    def __init__(self, literals: Literals, parent_count: int) -> None:
        self._literals = literals
        self._parent_count = parent_count
        self.references: list[Any] = []

    def template(self, value: Any) -> Any:
        kind = type(value)
        if kind in _SMALL_TYPES or (kind in (str, bytes) and len(value) < LARGE_BYTES):
            return value
        if kind is Pack:
            return Pack(value.kind, tuple(map(self.template, value.values)), value.keys)
        reference = self._literals.reference(value)
        if reference is None:
            return value
        self.references.append(reference)
        return Slot(self._parent_count + len(self.references) - 1, ())


class _EnoughError(Exception):
    """What was written so far is large."""


class _Counter:
    """A file that counts what is written, up to what is large."""

    def __init__(self) -> None:
        self._left = LARGE_BYTES

    def write(self, data: Any) -> None:
        self._left -= memoryview(data).nbytes
        if self._left <= 0:
            raise _EnoughError


def _is_large(value: Any) -> bool:
    """Tell whether a literal is large on its way; it is pickled no further than that."""
    counter = _Counter()
    pickler = cloudpickle.Pickler(
        counter, protocol=5, buffer_callback=lambda buffer: counter.write(buffer.raw())
    )
    try:
        pickler.dump(value)
    except _EnoughError:
        return True
    return False
