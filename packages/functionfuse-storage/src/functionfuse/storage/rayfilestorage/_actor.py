"""The actor that works on a storage, on the node of the cluster where it is placed."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import ray

from functionfuse.storage.base import Storage
from functionfuse.storage.keeper import Stamp, WriteAll

__all__ = ["StorageActor"]


class _Actor:
    """Works on a storage in its own process, in a few threads.

    Parameters
    ----------
    make_storage
        Called there, when the storage is first needed.
    """

    def __init__(self, make_storage: Callable[[], Storage]) -> None:
        self._make_storage = make_storage
        self._made: Storage | None = None
        self._lock = threading.Lock()

    @property
    def _storage(self) -> Storage:
        with self._lock:
            if self._made is None:
                self._made = self._make_storage()
            return self._made

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the storage; references among the arguments arrive as values."""
        return getattr(self._storage, method)(*args, **kwargs)

    def keep(self, method: str, *args: Any) -> Any:
        """Call a method of the storage's keeper."""
        return getattr(self._storage._keeper, method)(*args)

    def folds_case(self) -> bool:
        """Tell whether the keeper takes the keys `a` and `A` for one."""
        return self._storage._keeper.folds_case

    def write(self, key: str, buffers: Iterable[Any]) -> Stamp:
        """Have the keeper write buffers, right from Ray's object store."""
        pieces = [memoryview(buffer).cast("B") for buffer in buffers]

        def write_to(write_all: WriteAll) -> None:
            for piece in pieces:
                write_all(piece)

        return self._storage._keeper.write(key, write_to)

    def read(self, key: str) -> pickle.PickleBuffer:
        """Return all bytes under a key; Ray copies them once, into its object store."""
        return pickle.PickleBuffer(self._storage._keeper.read(key))

    def read_heads(self, keys: Sequence[str], nbytes: int) -> dict[str, bytes]:
        """Return the first bytes under keys."""
        heads = self._storage._keeper.read_heads(keys, nbytes)
        return {key: bytes(head) for key, head in heads.items()}


remote: Any = ray.remote  # Ray's own types know neither this option nor those of a class.
StorageActor = remote(num_cpus=0, max_concurrency=4)(_Actor)
