"""Results as files under a folder."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from io import FileIO
from typing import Any

from functionfuse.serializers.protocols import FILE_PROTOCOL, FileProtocol
from functionfuse.storage.base import Storage
from functionfuse.storage.format import Buffer
from functionfuse.storage.keeper import Keeper, Stamp, WriteAll
from functionfuse.storage.lookup import INTERNAL_FOLDER

__all__ = ["FileKeeper", "FileStorage"]

MAPPED_BYTES = 1 << 18
"""Files from this size on are mapped; smaller ones are read faster than mapped."""

ABANDONED_AFTER_S = 3600.0
"""A temporary file that nobody wrote to for so long was left by a process that died."""


class FileStorage(Storage):
    """Results as files: `path/workflow_name/task_name`.

    Processes may share the folder, also over a network file system. Beside the workflows'
    folders stands `path/.functionfuse/` with the indexes, half-written files, and what
    serializers wrote.

    Parameters
    ----------
    path
        A folder; made at the first run if absent. A relative one is taken from the current
        directory now.

    Raises
    ------
    NotADirectoryError
        If `path` is a file.
    TypeError
        If `path` is not a path.
    ValueError
        If `path` is empty.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        keeper = FileKeeper(path)
        super().__init__(keeper)
        self.root = keeper.root

    def __repr__(self) -> str:
        return f"FileStorage({self.root!r})"


class FileKeeper(Keeper):
    """Keeps bytes in files.

    Parameters
    ----------
    path
        The root folder, as of `FileStorage`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
            msg = f"the path of a file storage is that of a folder, got {path!r}"
            raise TypeError(msg) if path != "" else ValueError(msg)
        self.root = os.path.abspath(path)
        self._temporary = self._path(f"{INTERNAL_FOLDER}/tmp")
        self._folds_case: bool | None = None
        if os.path.exists(self.root) and not os.path.isdir(self.root):
            msg = f"the path of a file storage is that of a folder, but {self.root!r} is a file"
            raise NotADirectoryError(msg)

    def _path(self, key: str) -> str:
        return f"{self.root}/{key}"  # Windows takes this stroke, too.

    @property
    def folds_case(self) -> bool:  # noqa: D102  docstring inherited
        if self._folds_case is None:
            if not os.path.exists(self._path(INTERNAL_FOLDER)):
                return False  # It holds nothing yet; `prepare` makes the folder that tells.
            self._folds_case = os.path.exists(self._path(INTERNAL_FOLDER.upper()))
        return self._folds_case

    def protocols(self, folder: str) -> Mapping[str, Any]:  # noqa: D102  docstring inherited
        return {FILE_PROTOCOL: FileProtocol(self._path(f"{INTERNAL_FOLDER}/{folder}/files"))}

    def prepare(self, folder: str) -> None:  # noqa: D102  docstring inherited
        for path in (self._temporary, self._path(folder)):
            try:
                os.makedirs(path, exist_ok=True)
                if not os.access(path, os.W_OK):
                    raise PermissionError(errno.EACCES, "the folder is read-only")
            except OSError as error:
                raise _explained(error, f"can't write results under {self.root!r}", path) from error
        self._remove_abandoned()

    def _remove_abandoned(self) -> None:
        oldest = time.time() - ABANDONED_AFTER_S
        with os.scandir(self._temporary) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # Gone meanwhile, or another user's.
                    if entry.stat().st_mtime < oldest:
                        os.unlink(entry.path)

    def write(  # noqa: D102  docstring inherited
        self, key: str, write_to: Callable[[WriteAll], None]
    ) -> Stamp:
        path = self._path(key)
        temporary = f"{self._temporary}/{os.urandom(12).hex()}"
        try:
            with open(temporary, "xb", buffering=0) as file:
                write_to(lambda data: _write_all(file, data))
                stamp = _stamp(os.fstat(file.fileno()))
            os.replace(temporary, path)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            if isinstance(error, OSError):
                raise _explained(error, f"can't write {path!r}", path) from error
            raise
        return stamp

    def read(self, key: str) -> memoryview:  # noqa: D102  docstring inherited
        with self._open(key) as file:
            nbytes = os.fstat(file.fileno()).st_size
            if nbytes >= MAPPED_BYTES and _can_map(file.fileno()):
                return memoryview(mmap.mmap(file.fileno(), nbytes, access=mmap.ACCESS_COPY))
            data = memoryview(bytearray(nbytes))
            size = 0
            while size < nbytes and (more := file.readinto(data[size:])):
                size += more
            return data[:size]

    def read_head(self, key: str, nbytes: int) -> memoryview:  # noqa: D102  docstring inherited
        with self._open(key) as file:
            return memoryview(file.read(nbytes))

    def _open(self, key: str) -> FileIO:
        try:
            return open(self._path(key), "rb", buffering=0)
        except (IsADirectoryError, NotADirectoryError) as error:
            raise FileNotFoundError(error.errno, error.strerror, error.filename) from error

    def list(self, folder: str) -> Mapping[str, Stamp]:  # noqa: D102  docstring inherited
        found = {}
        absent = contextlib.suppress(FileNotFoundError, NotADirectoryError)
        with absent, os.scandir(self._path(folder)) as entries:
            for entry in entries:
                try:
                    if entry.is_file():
                        found[self._as_written(entry.name)] = _stamp(entry.stat())
                except FileNotFoundError:  # Removed since it was listed.
                    continue
        return found

    def folders(self) -> Sequence[str]:  # noqa: D102  docstring inherited
        try:
            with os.scandir(self.root) as entries:
                return [self._as_written(entry.name) for entry in entries if entry.is_dir()]
        except FileNotFoundError:
            return []

    def _as_written(self, filename: str) -> str:
        """Undo that some file systems which fold case take accents off their letters."""
        return unicodedata.normalize("NFC", filename) if self._folds_case else filename

    def remove(self, key: str) -> None:  # noqa: D102  docstring inherited
        os.unlink(self._path(key))

    def remove_folder(self, folder: str) -> None:  # noqa: D102  docstring inherited
        import shutil

        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._path(folder))


def _write_all(file: FileIO, data: Buffer) -> None:
    written = file.write(data)
    while written < len(data):  # The disk is nearly full, or a signal came.
        written += file.write(memoryview(data)[written:])


def _can_map(descriptor: int) -> bool:
    """Tell whether a file may be mapped.

    Windows can't replace a file that is mapped. Elsewhere a mapping holds a descriptor, the
    lowest that is free, as long as the arrays in it live; half of those that a process may
    have are left to others.
    """
    if os.name == "nt":
        return False
    lowest = os.dup(descriptor)
    os.close(lowest)
    return lowest < os.sysconf("SC_OPEN_MAX") // 2


def _stamp(status: os.stat_result) -> Stamp:
    version = f"{status.st_mtime_ns:x}-{status.st_ino:x}-{status.st_size:x}"
    return Stamp(status.st_size, version)


def _explained(error: OSError, what: str, path: str) -> OSError:
    """Say what could not be done before what the system says of it."""
    return OSError(error.errno, f"{what}: {error.strerror}", path)
