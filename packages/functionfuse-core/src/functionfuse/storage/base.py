"""The methods that every storage has, whatever place it keeps bytes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from functionfuse.errors import DamagedResultError
from functionfuse.serializers.protocols import Serializer, check_serializer
from functionfuse.storage.codec import PersistentCodec
from functionfuse.storage.format import Buffer, Header, StoredResult, encode, write
from functionfuse.storage.index import Saved
from functionfuse.storage.keeper import Keeper, Stamp
from functionfuse.storage.lookup import INTERNAL_FOLDER, Lookup, describe_saved
from functionfuse.storage.records import Records

__all__ = ["Storage"]


class Storage(Lookup):
    """Keeps the results of workflows' nodes under their names.

    A storage is a small handle: it can be pickled and used in other processes, and on
    other machines where its place can be reached.

    Parameters
    ----------
    keeper
        Keeps the bytes.

    Notes
    -----
    Results are pickles, and loading a pickle runs code: read only what you trust.
    """

    def __init__(self, keeper: Keeper) -> None:
        super().__init__(keeper)
        self._always_read = False
        self._serializers: dict[str, Serializer] = {}

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Storage:
        """Make a storage from the options that `storage_factory` was given.

        Raises
        ------
        ValueError
            If an option is missing or unknown.
        """
        import inspect

        signature = inspect.signature(cls)
        try:
            signature.bind(**options)
        except TypeError as error:
            allowed = ", ".join(signature.parameters)
            given = ", ".join(map(repr, options)) or "none"  # Not their values: they may be secret.
            msg = f"a {cls.__name__} takes the options {allowed}; got {given}: {error}"
            raise ValueError(msg) from None
        return cls(**options)

    @property
    def always_read(self) -> bool:
        """Whether consumers of a result get what is read back after it was saved."""
        return self._always_read

    @always_read.setter
    def always_read(self, value: bool) -> None:
        self._always_read = bool(value)

    @property
    def holds_secrets(self) -> bool:
        """Whether this handle has credentials in it, so that no one else may see it pickled."""
        return False

    def register_persistent_serializers(self, *serializers: Serializer) -> None:
        """Have the objects of some classes written by serializers from now on.

        What they wrote is checked with the result that it belongs to, and removed with it.

        Parameters
        ----------
        *serializers
            See `functionfuse.serializers`; one of the same name is replaced.

        Raises
        ------
        TypeError
            If one is not a serializer, or this storage keeps nothing but results.
        """
        if not self._keeper.protocols(""):
            msg = f"{self!r} keeps nothing but results: it can't be used with serializers"
            raise TypeError(msg)
        for serializer in serializers:
            check_serializer(serializer)
            self._serializers[serializer.name] = serializer

    def _repr_html_(self) -> str | None:
        """Show the contents in a notebook, if they can be listed."""
        from functionfuse.storage.contents import to_html

        try:
            return to_html(self)
        except (NotImplementedError, OSError):
            return None

    def new_workflow(self, workflow_name: str) -> None:
        """Make ready for results of a workflow; what is saved stays.

        Raises
        ------
        OSError
            If nothing can be written.
        """
        self._keeper.prepare(INTERNAL_FOLDER)  # Only now is it known whether keys fold case.
        self._keeper.prepare(self._folder(workflow_name))

    def save(
        self,
        workflow_name: str,
        task_name: str,
        obj: Any,
        *,
        fingerprint: Mapping[str, Any] | None = None,
        started: float | None = None,
        duration: float | None = None,
    ) -> Saved:
        """Save a result; one of the same name is replaced.

        Parameters
        ----------
        workflow_name, task_name
            Any text.
        obj
            Anything that can be pickled, None included.
        fingerprint
            What the result was made from (see `functionfuse.reuse`).
        started
            When the node started, in seconds since the epoch.
        duration
            How long the node ran, in seconds.

        Returns
        -------
        Saved
            What is known of the result now.

        Raises
        ------
        OSError
            If it can't be written; the earlier result is then still there.
        """
        self._key(workflow_name, task_name)  # Refuses names that are no text.
        header = Header(task_name, fingerprint, started, duration)
        if self._serializers:
            return self._save_persistent(workflow_name, header, obj)
        return describe_saved(header, self._write(workflow_name, task_name, encode(obj, header)))

    def _write(self, workflow_name: str, task_name: str, pieces: Sequence[Buffer]) -> Stamp:
        write_to = partial(write, pieces)
        try:
            return self._keeper.write(self._key(workflow_name, task_name), write_to)
        except FileNotFoundError:
            self.new_workflow(workflow_name)
            return self._keeper.write(self._key(workflow_name, task_name), write_to)

    def _save_persistent(self, workflow_name: str, header: Header, obj: Any) -> Saved:
        """Save with serializers; what they wrote for the replaced result goes only then."""
        folder, filename = self._folder(workflow_name), self._filename(header.task)
        replaced = self._header_if_any(folder, filename)
        codec = self._codec(folder)
        pieces = encode(obj, header, codec)
        try:
            stamp = self._write(workflow_name, header.task, pieces)
        except BaseException:
            codec.remove(**codec.made())
            raise
        if replaced is not None:
            codec.remove(replaced.persistent, replaced.files)
        return describe_saved(header, stamp)

    def _codec(self, folder: str) -> PersistentCodec:
        return PersistentCodec(self._serializers, self._keeper.protocols(folder))

    def read_task(self, workflow_name: str, task_name: str, *, verify: bool = True) -> Any:
        """Read a saved result.

        Parameters
        ----------
        workflow_name, task_name
            What it was saved under.
        verify
            Whether to check all bytes. Without, a large array in a file is not read before
            it is used.

        Raises
        ------
        FileNotFoundError
            If nothing is saved under the names.
        DamagedResultError
            If what is saved is truncated, changed or foreign.
        MissingSerializerError
            If it holds what a serializer wrote that is not registered.
        """
        return self._load(workflow_name, self._open(workflow_name, task_name), verify=verify)

    def read_saved(self, workflow_name: str, saved: Saved) -> Any:
        """Read a result that was listed; errors as in `read_task`.

        Raises
        ------
        DamagedResultError
            Also if it was replaced, since it was listed, by one made from something else.
        """
        stored = self._open(workflow_name, saved.task)
        if describe_saved(stored.header, saved.stamp).digest != saved.digest:
            msg = f"the result of {saved.task!r} in {self!r} was replaced since it was listed"
            raise DamagedResultError(msg)
        return self._load(workflow_name, stored)

    def _load(self, workflow_name: str, stored: StoredResult, *, verify: bool = True) -> Any:
        header = stored.header
        if not header.persistent:
            return stored.load(verify=verify)
        codec = self._codec(self._folder(workflow_name))
        codec.check(header.files, f"the result of {header.task!r} in {self!r}", verify=verify)
        return stored.load(verify=verify, codec=codec)

    def read_header(self, workflow_name: str, task_name: str) -> Header:
        """Read what a saved result says of itself; errors as in `read_task`."""
        folder, filename = self._folder(workflow_name), self._filename(task_name)
        try:
            return self._header(folder, filename)
        except FileNotFoundError as error:
            raise self._absence(workflow_name, task_name) from error

    def file_exists(self, workflow_name: str, task_name: str) -> bool:
        """Tell whether a result is saved."""
        try:
            self._keeper.read_head(self._key(workflow_name, task_name), 1)
        except FileNotFoundError:
            return False
        return True

    def list_tasks(self, workflow_name: str, pattern: str) -> list[str]:
        """List the names of saved results.

        Parameters
        ----------
        workflow_name
            A workflow; one that is absent has no results.
        pattern
            Shell-style pattern (`*`, `?`, `[…]`) that names match, case counting.

        Returns
        -------
        list of str
            Sorted names.
        """
        if not isinstance(pattern, str):
            msg = f"a pattern of names is text, got {pattern!r}"
            raise TypeError(msg)
        folder = self._folder(workflow_name)
        names = [self._task_name(folder, filename) for filename in self._keeper.list(folder)]
        return sorted(name for name in names if name is not None and fnmatchcase(name, pattern))

    def remove_task(
        self, workflow_name: str, task_name: str | None = None, pattern: str | None = None
    ) -> None:
        """Remove results.

        Parameters
        ----------
        workflow_name
            A workflow.
        task_name
            The name of one result; ignored if a pattern is given.
        pattern
            Shell-style pattern of names to remove; none need match.

        Raises
        ------
        FileNotFoundError
            If no result has the name.
        ValueError
            If neither a name nor a pattern is given.
        """
        if pattern is not None:
            names = self.list_tasks(workflow_name, pattern)
        elif task_name is not None:
            names = [task_name]
        else:
            msg = "remove_task removes the result of a task_name, or all that match a pattern"
            raise ValueError(msg)
        for name in names:
            folder, filename = self._folder(workflow_name), self._filename(name)
            header = self._header_if_any(folder, filename)
            try:
                self._keeper.remove(f"{folder}/{filename}")
            except FileNotFoundError as error:
                if pattern is None:  # Else another process has removed it since it was listed.
                    raise self._absence(workflow_name, name) from error
            if header is not None and header.persistent:
                self._codec(folder).remove(header.persistent, header.files)

    def records(self, workflow_name: str) -> Records:
        """Return the records of a workflow's runs, which reports are drawn from."""
        return Records(self._keeper, f"{INTERNAL_FOLDER}/{self._folder(workflow_name)}/runs")

    def remove_workflow(self, workflow_name: str) -> None:
        """Remove a workflow with all its results; nothing if it is absent."""
        folder = self._folder(workflow_name)
        self._keeper.remove_folder(folder)
        self._keeper.remove_folder(f"{INTERNAL_FOLDER}/{folder}")
