"""What a serializer is, and what a storage hands to it."""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any, Protocol

__all__ = ["FILE_PROTOCOL", "S3_PROTOCOL", "FileProtocol", "Serializer", "check_serializer"]

FILE_PROTOCOL = "file"
"""Key of the `FileProtocol` in the protocols of a storage that keeps files."""

S3_PROTOCOL = "S3"
"""Key, in the protocols of a storage in S3, of a dict with `client` and `folder`."""

CHUNK_BYTES = 1 << 20


class Serializer(Protocol):
    """What writes, reads and removes the objects of one class; usually itself a class."""

    name: str
    """Stands in results: it must stay the same."""
    serializer_class: type
    """The class; objects of its subclasses are pickled as usual."""

    def pickle(self, obj: Any, protocols: Mapping[str, Any]) -> tuple[str, Any]:
        """Write an object; return the serializer's name and a persistent id of literals."""
        ...

    def unpickle(self, pid: Any, protocols: Mapping[str, Any]) -> Any:
        """Read the object with a persistent id."""

    def remove(self, pid: Any, protocols: Mapping[str, Any]) -> None:
        """Remove what was written for a persistent id."""


def check_serializer(serializer: Any) -> None:
    """Raise TypeError unless an object has all that a serializer has."""
    wanted = ("name", "serializer_class", "pickle", "unpickle", "remove")
    missing = [name for name in wanted if not hasattr(serializer, name)]
    if missing:
        msg = f"a serializer has {', '.join(wanted)}; {serializer!r} lacks {', '.join(missing)}"
        raise TypeError(msg)


class FileProtocol:
    """The files that serializers make for the results of one workflow.

    A serializer may also make a folder, with a library that writes many files: under the
    `path` of a name. Whether one of its files is gone or has another size is then checked
    as well, but the bytes of each are the library's own to check.

    Parameters
    ----------
    folder
        Where the files are; made when the first is written.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.made: dict[str, None] = {}
        """Names of the files that were opened for writing or whose path was asked for."""

    def path(self, filename: str) -> str:
        """Return the path of a file or folder, for libraries that make it by themselves.

        The folder that it is in is there.

        Raises
        ------
        ValueError
            If `filename` is more than the name of a file.
        """
        os.makedirs(self._folder, exist_ok=True)  # noqa: PTH103
        self.made[filename] = None
        return self._path(filename)

    def open(self, filename: str, mode: str = "rb") -> IO[Any]:
        """Open a file.

        Parameters
        ----------
        filename
            Its name. For writing it must be a new one, such as `uuid.uuid4` gives: an
            earlier result's file must stay until that result is replaced.
        mode
            As for the builtin `open`.

        Raises
        ------
        FileExistsError
            If it is to be written and was there before.
        FileNotFoundError
            If it is to be read and is absent.
        """
        path = self._path(filename)
        if "r" not in mode and filename not in self.made:
            os.makedirs(self._folder, exist_ok=True)  # noqa: PTH103
            file = open(path, mode.replace("w", "x").replace("a", "x"))  # noqa: PTH123, SIM115
            self.made[filename] = None
            return file
        return open(path, mode)  # noqa: PTH123

    def remove(self, filename: str) -> None:
        """Remove a file, or a folder with all in it; nothing if it is absent."""
        path = self._path(filename)
        with contextlib.suppress(FileNotFoundError):
            if os.path.isdir(path):  # noqa: PTH112
                import shutil

                shutil.rmtree(path)
            else:
                os.unlink(path)  # noqa: PTH108

    def nbytes(self, filename: str) -> int:
        """Return a file's size in bytes, or that of all files in a folder.

        Raises
        ------
        FileNotFoundError
            If it is absent.
        """
        path = self._path(filename)
        if os.path.isdir(path):  # noqa: PTH112
            return sum(nbytes for _, nbytes in _files_in(path))
        return os.path.getsize(path)  # noqa: PTH202

    def checksum(self, filename: str) -> tuple[int, int]:
        """Return a file's size in bytes and its crc32.

        Of a folder: the size of all files in it, and the crc32 of their sorted list, of
        which each line is a name within the folder, with `/` between its parts, a zero
        byte, and the size.

        Raises
        ------
        FileNotFoundError
            If it is absent.
        """
        nbytes = checksum = 0
        path = self._path(filename)
        if os.path.isdir(path):  # noqa: PTH112
            for name, size in sorted(_files_in(path)):
                nbytes += size
                checksum = zlib.crc32(f"{name}\0{size}\n".encode(), checksum)
            return nbytes, checksum
        with self.open(filename) as file:
            while chunk := file.read(CHUNK_BYTES):
                nbytes += len(chunk)
                checksum = zlib.crc32(chunk, checksum)
        return nbytes, checksum

    def _path(self, filename: str) -> str:
        if not filename or filename != os.path.basename(filename) or filename in (".", ".."):  # noqa: PTH119
            msg = f"a serializer's file has a name without folders, got {filename!r}"
            raise ValueError(msg)
        return os.path.join(self._folder, filename)  # noqa: PTH118


def _files_in(path: str, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yield the files below a folder, each with its size; names start with the prefix."""
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files_in(entry.path, f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, entry.stat().st_size
