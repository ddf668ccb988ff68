"""Bytes as objects under a path in a bucket."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

from s3fs import S3FileSystem

from functionfuse.serializers.protocols import S3_PROTOCOL
from functionfuse.storage.keeper import Keeper, Stamp, WriteAll
from functionfuse.storage.lookup import INTERNAL_FOLDER
from functionfuse.storage.s3storage._client import (
    PARALLEL_PARTS,
    PART_BYTES,
    Range,
    Upload,
    check_exists,
    get_range,
    list_objects,
    open_file_system,
    probe,
    remove_objects,
)
from functionfuse.storage.s3storage._errors import explained, is_beyond_end, origin

__all__ = ["S3Keeper"]

PARALLEL_HEADS = 32

_SCHEME = re.compile(r"s3a?://", re.IGNORECASE)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]|arn:aws[\w-]*:s3.*")


class S3Keeper(Keeper):
    """Keeps bytes in objects.

    It opens its file system at the first request, in each process anew, since connections
    and the thread that serves them stay behind when a process forks or a handle travels.

    Parameters
    ----------
    path, arguments
        As of `S3FileStorage`.

    Attributes
    ----------
    root
        The bucket and folder, as `bucket/folder`.
    endpoint_url
        Where S3 is, if it is not Amazon's, to be shown.
    """

    def __init__(self, path: str, arguments: Mapping[str, Any]) -> None:
        self.root = _root(path)
        if not isinstance(arguments, Mapping):
            msg = (
                "an S3 storage takes a dictionary of s3fs.S3FileSystem's arguments, got one of "
                f"type {type(arguments).__name__}"
            )
            raise TypeError(msg)
        self._arguments = dict(arguments)
        client = self._arguments.get("client_kwargs") or {}
        endpoint_url = self._arguments.get("endpoint_url") or client.get("endpoint_url")
        self.endpoint_url = origin(endpoint_url)
        self._is_copy = False
        self._forget()

    def _forget(self) -> None:
        self._opened: tuple[int, S3FileSystem] | None = None
        self._is_prepared = False

    def __getstate__(self) -> dict[str, Any]:
        kept = {"_opened", "_is_prepared"}
        return {name: value for name, value in vars(self).items() if name not in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _is_copy=True)
        self._forget()

    @property
    def file_system(self) -> S3FileSystem:
        """The file system in this process.

        A handle that was made here has one of its own, so that credentials set anew in the
        environment count. Those that came from elsewhere share one: a worker gets a handle
        with each node.
        """
        process = os.getpid()
        if self._opened is None or self._opened[0] != process:
            # Two threads may both open one; then one of them is soon forgotten.
            opened = open_file_system(self._arguments, shared=self._is_copy)
            self._opened = process, opened
        return self._opened[1]

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}"

    def _explained(self) -> AbstractContextManager[None]:
        return explained(self.root, self.endpoint_url)

    def protocols(self, folder: str) -> Mapping[str, Any]:  # docstring inherited
        path = self._path(f"{INTERNAL_FOLDER}/{folder}/files")
        return {S3_PROTOCOL: {"client": self.file_system, "folder": path}}

    def prepare(self, folder: str) -> None:  # docstring inherited
        if self._is_prepared:  # S3 has no folders to make.
            return
        with self._explained():
            probe(self.file_system, self._path(f"{INTERNAL_FOLDER}/writable"))
        self._is_prepared = True

    def write(  # docstring inherited
        self, key: str, write_to: Callable[[WriteAll], None]
    ) -> Stamp:
        with self._explained():
            upload = Upload(self.file_system, self._path(key))
            try:
                write_to(upload.write)
                etag = upload.commit()
            except BaseException:
                upload.discard()
                raise
        return Stamp(upload.nbytes, etag)

    def read(self, key: str) -> memoryview:  # docstring inherited
        with self._explained():
            while True:
                start = get_range(self.file_system, self._path(key), 0, PART_BYTES)
                if len(start.data) == start.total:
                    return memoryview(bytearray(start.data))
                whole = self._read_rest(key, start)
                if whole is not None:
                    return whole

    def _read_rest(self, key: str, start: Range) -> memoryview | None:
        """Read what follows the first part, in parallel; None if it was replaced meanwhile."""
        file_system, path = self.file_system, self._path(key)
        whole = memoryview(bytearray(start.total))
        whole[:PART_BYTES] = start.data

        def read_part(offset: int) -> bool:
            part = get_range(file_system, path, offset, PART_BYTES)
            if part.etag != start.etag:
                return False
            whole[offset : offset + PART_BYTES] = part.data
            return True

        with ThreadPoolExecutor(PARALLEL_PARTS, "functionfuse-read") as pool:
            is_same = all(pool.map(read_part, range(PART_BYTES, start.total, PART_BYTES)))
        return whole if is_same else None

    def read_head(self, key: str, nbytes: int) -> memoryview:  # docstring inherited
        with self._explained():
            return memoryview(get_range(self.file_system, self._path(key), 0, nbytes).data)

    def read_heads(  # docstring inherited
        self, keys: Sequence[str], nbytes: int
    ) -> Mapping[str, memoryview]:
        paths = [self._path(key) for key in keys]
        heads = {}
        with self._explained():
            found = self.file_system.cat_ranges(paths, 0, nbytes, batch_size=PARALLEL_HEADS)
            for key, head in zip(keys, found, strict=True):
                if isinstance(head, OSError) and is_beyond_end(head):
                    head = b""
                if isinstance(head, bytes):
                    heads[key] = memoryview(head)
                elif not isinstance(head, FileNotFoundError):
                    raise head
        return heads

    def list(self, folder: str) -> Mapping[str, Stamp]:  # docstring inherited
        return {
            name: Stamp(nbytes, etag)
            for name, nbytes, etag in self._list_all(folder)
            if name and "/" not in name
        }

    def _list_all(self, folder: str) -> Iterable[tuple[str, int, str]]:
        with self._explained():
            try:
                return list_objects(self.file_system, self.root, f"{folder}/")
            except FileNotFoundError:  # The bucket is absent, and so is all in it.
                return ()

    def folders(self) -> Sequence[str]:  # docstring inherited
        with self._explained():
            try:
                entries = self.file_system.ls(self.root, detail=True)
            except FileNotFoundError:  # There is nothing yet.
                return []
        return [
            entry["name"].rpartition("/")[2] for entry in entries if entry["type"] == "directory"
        ]

    def remove(self, key: str) -> None:  # docstring inherited
        with self._explained():
            check_exists(self.file_system, self._path(key))
            self.file_system.rm_file(self._path(key))

    def remove_folder(self, folder: str) -> None:  # docstring inherited
        names = [name for name, *_ in self._list_all(folder)]
        with self._explained():
            remove_objects(self.file_system, [self._path(f"{folder}/{name}") for name in names])


def _root(path: Any) -> str:
    """Return `bucket/folder`, or refuse what is not that."""
    if not isinstance(path, str):
        msg = (
            "the path of an S3 storage is text, 'bucket/folder', "
            f"got {path!r} of type {type(path).__name__}"
        )
        raise TypeError(msg)
    parts = [part for part in _SCHEME.sub("", path, count=1).split("/") if part]
    if not parts:
        msg = f"the path of an S3 storage is a bucket and a folder, 'bucket/folder', got {path!r}"
        raise ValueError(msg)
    if not _BUCKET.fullmatch(parts[0]):
        msg = (
            f"the path of an S3 storage begins with a bucket, but {parts[0]!r} in {path!r} can be "
            "none: its name has 3 or more letters, digits, '-', '.' or '_'"
        )
        raise ValueError(msg)
    return "/".join(parts)
