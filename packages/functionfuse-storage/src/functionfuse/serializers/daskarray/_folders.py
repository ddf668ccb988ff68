"""Folders that hold one zarr array each, in files or in S3."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarr.abc.store import ByteRequest, Store
from zarr.storage import FsspecStore, LocalStore, WrapperStore

from functionfuse.errors import DamagedResultError
from functionfuse.serializers.protocols import FILE_PROTOCOL, S3_PROTOCOL

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer, BufferPrototype

    from functionfuse.serializers.protocols import FileProtocol

__all__ = ["Folder", "WholeStore", "open_folder"]

DESCRIPTION = "zarr.json"
DESCRIPTION_BYTES = 1 << 20


class Folder(ABC):
    """A folder that one array is written to."""

    @abstractmethod
    def store(self) -> Store:
        """Return what zarr writes to and reads from."""

    @abstractmethod
    def description(self) -> bytes:
        """Return what zarr wrote of the array as a whole; nothing if that is gone."""

    @abstractmethod
    def sizes(self) -> list[int]:
        """Return the sizes of all that is in the folder; none if it is absent."""

    @abstractmethod
    def remove(self) -> None:
        """Remove the folder with all in it; nothing if it is absent."""


class FileFolder(Folder):
    """A folder of files.

    Parameters
    ----------
    protocol
        Has the folder among its files.
    name
        The folder's name.
    """

    def __init__(self, protocol: FileProtocol, name: str) -> None:
        self._protocol = protocol
        self._name = name

    def store(self) -> Store:  # docstring inherited
        return LocalStore(self._protocol.path(self._name))

    def description(self) -> bytes:  # docstring inherited
        path = Path(self._protocol.path(self._name), DESCRIPTION)
        return path.read_bytes() if path.exists() else b""

    def sizes(self) -> list[int]:  # docstring inherited
        files = Path(self._protocol.path(self._name)).rglob("*")
        return [path.stat().st_size for path in files if path.is_file()]

    def remove(self) -> None:  # docstring inherited
        self._protocol.remove(self._name)


class S3Folder(Folder):
    """Objects with a prefix.

    Parameters
    ----------
    client
        The file system.
    folder, name
        Where the folder is and what it is called.
    """

    def __init__(self, client: Any, folder: str, name: str) -> None:
        self._client = client
        self._folder = folder
        self._name = name

    def store(self) -> Store:  # docstring inherited
        from fsspec.implementations.asyn_wrapper import (
            AsyncFileSystemWrapper,
        )

        # A chunk is one request; with more, its size is asked first. The wrapper since zarr
        # runs a loop of its own, and would leave the connections open that it made there.
        options = {**self._client.storage_options, "max_concurrency": 1}
        client = type(self._client)(*self._client.storage_args, **options)
        wrapper = AsyncFileSystemWrapper(client, asynchronous=True)
        return FsspecStore(wrapper, path=f"{self._folder}/{self._name}")

    def description(self) -> bytes:  # docstring inherited
        with contextlib.suppress(FileNotFoundError):
            path = f"{self._folder}/{self._name}/{DESCRIPTION}"
            data: bytes = self._client.cat_file(path, start=0, end=DESCRIPTION_BYTES)
            return data
        return b""

    def sizes(self) -> list[int]:  # docstring inherited
        return [nbytes for _, nbytes, _ in self._list()]

    def remove(self) -> None:  # docstring inherited
        from functionfuse.storage.s3storage._client import remove_objects

        path = f"{self._folder}/{self._name}"
        remove_objects(self._client, [f"{path}/{key}" for key, *_ in self._list()])

    def _list(self) -> list[tuple[str, int, str]]:
        from functionfuse.storage.s3storage._client import list_objects

        try:
            return [*list_objects(self._client, self._folder, f"{self._name}/")]
        except FileNotFoundError:  # The bucket is absent.
            return []


def open_folder(protocols: Mapping[str, Any], name: str) -> Folder:
    """Return the folder of a name where a storage keeps what serializers write."""
    if FILE_PROTOCOL in protocols:
        return FileFolder(protocols[FILE_PROTOCOL], name)
    if S3_PROTOCOL in protocols:
        s3 = protocols[S3_PROTOCOL]
        return S3Folder(s3["client"], s3["folder"], name)
    msg = (
        f"dask arrays are written with protocol {FILE_PROTOCOL!r} or {S3_PROTOCOL!r}; the storage "
        f"has {', '.join(map(repr, protocols)) or 'none'}"
    )
    raise TypeError(msg)


class WholeStore(WrapperStore[Store]):
    """A store from which nothing is missing: of a missing chunk, zarr would make up zeros."""

    async def get(  # docstring inherited
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        data = await self._store.get(key, prototype, byte_range)
        if data is None:
            msg = (
                f"{key!r} of a stored dask array is gone, from {self._store}: its result is "
                "damaged, or was replaced or removed since the array was read"
            )
            raise DamagedResultError(msg)
        return data
