"""A storage of Function Fuse that keeps all results in one SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from functionfuse.storage.base import Storage
from functionfuse.storage.keeper import Keeper, Stamp, WriteAll

__all__ = ["SQLiteKeeper", "SQLiteStorage"]

TABLE = """
CREATE TABLE IF NOT EXISTS kept
(folder TEXT, name TEXT, version TEXT, data BLOB, PRIMARY KEY (folder, name))
"""
TIMEOUT_S = 60.0


class SQLiteStorage(Storage):
    """Results in one SQLite file.

    Parameters
    ----------
    path
        The file; made at the first run if absent.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(SQLiteKeeper(path))
        self.path = os.path.abspath(path)  # noqa: PTH100  Text, as file storages have.

    def __repr__(self) -> str:
        return f"SQLiteStorage({self.path!r})"


class SQLiteKeeper(Keeper):
    """Keeps bytes in a table.

    Parameters
    ----------
    path
        The file, as of `SQLiteStorage`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.path.abspath(path)  # noqa: PTH100

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        """Give a connection of this thread's own; what is written is there at the end, or not."""
        connection = sqlite3.connect(self._path, timeout=TIMEOUT_S)
        try:
            with connection:
                connection.execute(TABLE)
                yield connection
        finally:
            connection.close()

    def prepare(self, folder: str) -> None:  # noqa: D102  docstring inherited
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)  # noqa: PTH103, PTH120
            with self._connect() as connection:
                connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            msg = f"can't write results into {self._path!r}: {error}"
            raise OSError(msg) from error

    def write(  # noqa: D102  docstring inherited
        self, key: str, write_to: Callable[[WriteAll], None]
    ) -> Stamp:
        data = bytearray()
        write_to(data.extend)
        version = os.urandom(8).hex()
        with self._connect() as connection:
            row = (*_split(key), version, data)
            connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?)", row)
        return Stamp(len(data), version)

    def read(self, key: str) -> memoryview:  # noqa: D102  docstring inherited
        return self._select("data", key)

    def read_head(self, key: str, nbytes: int) -> memoryview:  # noqa: D102  docstring inherited
        return self._select(f"coalesce(substr(data, 1, {nbytes:d}), x'')", key)

    def _select(self, what: str, key: str) -> memoryview:
        query = f"SELECT {what} FROM kept WHERE folder = ? AND name = ?"
        with self._connect() as connection:
            row = connection.execute(query, _split(key)).fetchone()
        if row is None:
            raise FileNotFoundError(key)
        return memoryview(bytearray(row[0]))

    def list(self, folder: str) -> Mapping[str, Stamp]:  # noqa: D102  docstring inherited
        query = "SELECT name, length(data), version FROM kept WHERE folder = ?"
        with self._connect() as connection:
            rows = connection.execute(query, (folder,)).fetchall()
        return {name: Stamp(nbytes, version) for name, nbytes, version in rows}

    def folders(self) -> Sequence[str]:  # noqa: D102  docstring inherited
        with self._connect() as connection:
            rows = connection.execute("SELECT DISTINCT folder FROM kept").fetchall()
        return sorted({folder.partition("/")[0] for (folder,) in rows})

    def remove(self, key: str) -> None:  # noqa: D102  docstring inherited
        with self._connect() as connection:
            query = "DELETE FROM kept WHERE folder = ? AND name = ?"
            if not connection.execute(query, _split(key)).rowcount:
                raise FileNotFoundError(key)

    def remove_folder(self, folder: str) -> None:  # noqa: D102  docstring inherited
        query = "DELETE FROM kept WHERE folder = ? OR substr(folder, 1, ?) = ?"
        below = f"{folder}/"
        with self._connect() as connection:
            connection.execute(query, (folder, len(below), below))


def _split(key: str) -> tuple[str, str]:
    folder, _, name = key.rpartition("/")
    return folder, name
