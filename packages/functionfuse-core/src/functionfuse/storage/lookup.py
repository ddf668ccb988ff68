"""Finding the results of a workflow: under which keys, with which headers, by which index."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from functionfuse.errors import DamagedResultError
from functionfuse.storage.filenames import CUT_MARK, decode_filename, encode_filename
from functionfuse.storage.format import HEAD_BYTES, Header, StoredResult, encode, write
from functionfuse.storage.index import Saved, dump_index, load_index
from functionfuse.storage.keeper import Keeper, Stamp

__all__ = ["INTERNAL_FOLDER", "Listing", "Lookup", "describe_saved"]

INTERNAL_FOLDER = ".functionfuse"
"""Folder of all that is no result; no workflow's folder can be called so."""

PEEK_BYTES = 1 << 16

HEADS_AT_ONCE = 1000
"""Of so many results the headers are read in one go, and held in memory."""


class Listing(NamedTuple):
    """What a storage has of a workflow, by the tasks' names."""

    saved: dict[str, Saved]
    damaged: dict[str, DamagedResultError]
    is_indexed: bool
    """Whether the index had it all, so that it need not be written anew."""


class Lookup:
    """Finds results that a keeper keeps.

    Parameters
    ----------
    keeper
        Keeps the bytes.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def _open(self, workflow_name: str, task_name: str) -> StoredResult:
        folder, filename = self._folder(workflow_name), self._filename(task_name)
        try:
            data = self._keeper.read(f"{folder}/{filename}")
        except FileNotFoundError as error:
            raise self._absence(workflow_name, task_name) from error
        return self._stored(data, folder, filename)

    def peek(self, workflow_name: str, task_name: str) -> bytes:
        """Return the start of a result's pickle, with one small read; errors as in `read_task`."""
        folder, filename = self._folder(workflow_name), self._filename(task_name)
        try:
            head = self._keeper.read_head(f"{folder}/{filename}", PEEK_BYTES)
        except FileNotFoundError as error:
            raise self._absence(workflow_name, task_name) from error
        return self._stored(head, folder, filename).peek()

    def list_workflows(self) -> list[str]:
        """List the names of the workflows that have results, sorted.

        A name too long for a file system is given as that of its folder.

        Raises
        ------
        NotImplementedError
            If a storage of this kind can't tell.
        """
        folders = set(self._keeper.folders()) - {INTERNAL_FOLDER}
        names = (f if CUT_MARK in f else self._name(f) for f in folders)
        return sorted(name for name in names if name is not None)

    def list_sizes(self, workflow_name: str) -> dict[str, int]:
        """Return the sizes in bytes of the saved results, by name, with one listing."""
        folder = self._folder(workflow_name)
        sizes = {}
        for filename, stamp in self._keeper.list(folder).items():
            name = self._task_name(folder, filename)
            if name is not None:
                sizes[name] = stamp.nbytes
        return dict(sorted(sizes.items()))

    def list_saved(self, workflow_name: str) -> Listing:
        """Return what is known of all saved results, with one listing and one index.

        Headers are read only of results that came after the index was written.
        """
        folder = self._folder(workflow_name)
        index = self._read_index(folder)
        stamps = self._keeper.list(folder)
        saved: dict[str, Saved] = {}
        damaged: dict[str, DamagedResultError] = {}
        unread = []
        for filename, stamp in stamps.items():
            entry = index.get(filename)
            if entry is None or entry.stamp != stamp:
                unread.append(f"{folder}/{filename}")
            else:
                saved[entry.task] = entry
        for key, head in self._read_heads(unread):
            filename = key[len(folder) + 1 :]
            try:
                header = self._header_in(head, folder, filename)
            except DamagedResultError as error:
                name = self._task_name(folder, filename)
                if name is not None:
                    damaged[name] = error
            except FileNotFoundError:  # Removed since it was listed.
                continue
            else:
                saved[header.task] = describe_saved(header, stamps[filename])
        return Listing(saved, damaged, is_indexed=not unread)

    def read_headers(self, workflow_name: str, task_names: Iterable[str]) -> dict[str, Header]:
        """Read what many results say of themselves; those damaged or gone are left out."""
        folder = self._folder(workflow_name)
        keys = [f"{folder}/{self._filename(name)}" for name in task_names]
        headers = {}
        for key, head in self._read_heads(keys):
            with contextlib.suppress(DamagedResultError, FileNotFoundError):
                header = self._header_in(head, folder, key[len(folder) + 1 :])
                headers[header.task] = header
        return headers

    def _read_heads(self, keys: Sequence[str]) -> Iterator[tuple[str, memoryview]]:
        for start in range(0, len(keys), HEADS_AT_ONCE):
            heads = self._keeper.read_heads(keys[start : start + HEADS_AT_ONCE], HEAD_BYTES)
            yield from heads.items()

    def write_index(self, workflow_name: str, entries: Iterable[Saved]) -> None:
        """Write down what is known of the results, for the next `list_saved`."""
        folder = f"{INTERNAL_FOLDER}/{self._folder(workflow_name)}"
        index = dump_index({self._filename(entry.task): entry for entry in entries})
        self._keeper.prepare(folder)
        self._keeper.write(f"{folder}/index", partial(write, encode(index, Header("index"))))

    def _read_index(self, folder: str) -> Mapping[str, Saved]:
        key = f"{INTERNAL_FOLDER}/{folder}/index"
        try:
            return load_index(StoredResult(self._keeper.read(key), key).load())
        except (FileNotFoundError, DamagedResultError):
            return {}

    def _header(self, folder: str, filename: str) -> Header:
        head = self._keeper.read_head(f"{folder}/{filename}", HEAD_BYTES)
        return self._header_in(head, folder, filename)

    def _header_in(self, head: memoryview, folder: str, filename: str) -> Header:
        """Return the header of a result from its first bytes, or from all where it is longer."""
        try:
            return self._stored(head, folder, filename).header
        except DamagedResultError:
            if len(head) < HEAD_BYTES:
                raise
            data = self._keeper.read(f"{folder}/{filename}")
            return self._stored(data, folder, filename).header

    def _header_if_any(self, folder: str, filename: str) -> Header | None:
        try:
            return self._header(folder, filename)
        except (FileNotFoundError, DamagedResultError):
            return None

    def _stored(self, data: memoryview, folder: str, filename: str) -> StoredResult:
        where = f"{folder}/{filename} in {self!r}"
        result = StoredResult(data, where)
        if self._filename(result.header.task) != filename:
            msg = f"{where} is the result of another node, {result.header.task!r}"
            raise DamagedResultError(msg)
        return result

    def _folder(self, workflow_name: str) -> str:
        return self._encode("workflow", workflow_name)

    def _filename(self, task_name: str) -> str:
        return self._encode("task", task_name)

    def _key(self, workflow_name: str, task_name: str) -> str:
        return f"{self._folder(workflow_name)}/{self._filename(task_name)}"

    def _encode(self, what: str, name: str) -> str:
        if not isinstance(name, str):
            msg = f"the name of a {what} is text, got {name!r} of type {type(name).__name__}"
            raise TypeError(msg)
        return encode_filename(name, folds_case=self._keeper.folds_case)

    def _task_name(self, folder: str, filename: str) -> str | None:
        """Return the name that a file name stands for; None if it is that of no task."""
        if CUT_MARK not in filename:
            return self._name(filename)
        header = self._header_if_any(folder, filename)
        return None if header is None else header.task

    def _name(self, filename: str) -> str | None:
        """Return the name that was encoded; None if that of a file is never so."""
        try:
            name = decode_filename(filename)
        except UnicodeDecodeError:
            return None
        return name if self._filename(name) == filename else None

    def _absence(self, workflow_name: str, task_name: str) -> FileNotFoundError:
        msg = f"{self!r} has no result of {task_name!r} in workflow {workflow_name!r}"
        return FileNotFoundError(msg)


def describe_saved(header: Header, stamp: Stamp) -> Saved:
    """Return what is known of a saved result from its header and where it stands."""
    fingerprint = header.fingerprint or {}
    return Saved(
        header.task,
        stamp,
        header.python,
        fingerprint.get("digest", ""),
        fingerprint.get("data_digest", ""),
    )
