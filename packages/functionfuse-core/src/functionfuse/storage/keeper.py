"""What a kind of storage must be able to do: keep bytes under keys."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from functionfuse.storage.format import Buffer

__all__ = ["Keeper", "Stamp", "WriteAll"]

WriteAll = Callable[[Buffer], Any]
"""Writes a whole buffer, one byte an item."""


class Stamp(NamedTuple):
    """What a listing tells of the bytes under a key."""

    nbytes: int
    version: str
    """Differs whenever the bytes under the key were written anew."""


class Keeper(ABC):
    """Keeps bytes in a place, under keys such as `classifier/model`.

    The parts of a key are names of files and folders, divided by `/`. A keeper is a small
    handle: it can be pickled and used in another process or on another machine.
    """

    @property
    def folds_case(self) -> bool:
        """Whether the keys `a` and `A` are one."""
        return False

    def protocols(self, folder: str) -> Mapping[str, Any]:
        """Return what serializers are given to keep what they write for results in a folder.

        A keeper that returns none can't be used with serializers.
        """
        return {}

    @abstractmethod
    def prepare(self, folder: str) -> None:
        """Make a folder ready to write into, or fail.

        Raises
        ------
        OSError
            If nothing can be written there.
        """

    @abstractmethod
    def write(self, key: str, write_to: Callable[[WriteAll], None]) -> Stamp:
        """Write bytes: call `write_to` with what writes whole buffers.

        Whoever reads the key meanwhile finds the old bytes, the new, or none; never a part.
        """

    @abstractmethod
    def read(self, key: str) -> memoryview:
        """Return all bytes, in memory that may be written to.

        Raises
        ------
        FileNotFoundError
            If there is nothing under the key.
        """

    @abstractmethod
    def read_head(self, key: str, nbytes: int) -> memoryview:
        """Return the first bytes, at most `nbytes`; otherwise as `read`."""

    def read_heads(self, keys: Sequence[str], nbytes: int) -> Mapping[str, memoryview]:
        """Return the first bytes under each of some keys; what is absent is left out.

        A keeper to which each read is a request makes many at the same time.
        """
        heads = {}
        for key in keys:
            with contextlib.suppress(FileNotFoundError):
                heads[key] = self.read_head(key, nbytes)
        return heads

    @abstractmethod
    def list(self, folder: str) -> Mapping[str, Stamp]:
        """Return what is directly in a folder, by name; nothing if it is absent."""

    def folders(self) -> Sequence[str]:
        """Return the names of all folders, of workflows and others.

        Raises
        ------
        NotImplementedError
            If this keeper can't tell.
        """
        msg = f"a {type(self).__name__} can't tell which workflows it has results of"
        raise NotImplementedError(msg)

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove what is under a key.

        Raises
        ------
        FileNotFoundError
            If there is nothing under the key.
        """

    @abstractmethod
    def remove_folder(self, folder: str) -> None:
        """Remove a folder with all in it; nothing if it is absent."""
