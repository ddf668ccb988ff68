"""How objects become pickles: plainly, or with the serializers of some classes.

What pickle can't write, cloudpickle does, where it is installed: results of classes and
functions that are made in `__main__` or inside functions, which workers can't import.
"""

from __future__ import annotations

import ast
import io
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from functionfuse.errors import DamagedResultError, MissingSerializerError
from functionfuse.serializers.protocols import FILE_PROTOCOL, FileProtocol

if TYPE_CHECKING:
    from functionfuse.serializers.protocols import Serializer

__all__ = ["Codec", "PersistentCodec"]

OutOfBand = Callable[[pickle.PickleBuffer], Any]


class Codec:
    """Plain pickle, or cloudpickle."""

    def dumps(self, value: Any, out_of_band: OutOfBand) -> bytes:
        """Pickle an object, with protocol 5; `out_of_band` is pickle's `buffer_callback`."""
        return pickle.dumps(value, protocol=5, buffer_callback=out_of_band)

    def cloud_dumps(self, value: Any, out_of_band: OutOfBand) -> bytes:
        """Do what `dumps` does, with cloudpickle.

        Raises
        ------
        ImportError
            If it is not installed.
        """
        import cloudpickle

        data: bytes = cloudpickle.dumps(value, protocol=5, buffer_callback=out_of_band)
        return data

    def loads(self, data: memoryview, buffers: Iterable[memoryview]) -> Any:
        """Return the object; what cloudpickle wrote is read by pickle, too."""
        return pickle.loads(data, buffers=buffers)

    def made(self) -> Mapping[str, Any]:
        """Return the fields of the header about what `dumps` wrote beside the pickle."""
        return {}


class PersistentCodec(Codec):
    """Pickle, in which serializers write the objects of their classes; for one result.

    Parameters
    ----------
    serializers
        By name.
    protocols
        What the storage hands to serializers.
    """

    def __init__(self, serializers: Mapping[str, Serializer], protocols: Mapping[str, Any]) -> None:
        self._serializers = serializers
        self._by_class = {s.serializer_class: s for s in serializers.values()}
        self._protocols = protocols
        self._ids: list[tuple[str, str]] = []

    def dumps(self, value: Any, out_of_band: OutOfBand) -> bytes:  # noqa: D102  docstring inherited
        return self._dump(_Pickler, value, out_of_band)

    def cloud_dumps(self, value: Any, out_of_band: OutOfBand) -> bytes:  # noqa: D102  docstring inherited
        import cloudpickle

        return self._dump(cloudpickle.Pickler, value, out_of_band)

    def _dump(self, pickler_class: Any, value: Any, out_of_band: OutOfBand) -> bytes:
        stream = io.BytesIO()
        pickler = pickler_class(stream, protocol=5, buffer_callback=out_of_band)
        pickler.persistent_id = self._write
        try:
            pickler.dump(value)
        except BaseException:
            self._undo()
            raise
        return stream.getvalue()

    def _undo(self) -> None:
        """Remove what was written of an object that could not be pickled as a whole."""
        self.remove(self._ids, [(name,) for name in self._files_made()])
        self._ids.clear()
        if FILE_PROTOCOL in self._protocols:
            self._protocols[FILE_PROTOCOL].made.clear()

    def loads(self, data: memoryview, buffers: Iterable[memoryview]) -> Any:  # noqa: D102  docstring inherited
        unpickler = _Unpickler(io.BytesIO(data), buffers=buffers)
        unpickler.persistent_load = self._read  # type: ignore[method-assign]
        return unpickler.load()

    def made(self) -> Mapping[str, Any]:  # noqa: D102  docstring inherited
        files = self._files_made()
        checked = [(name, *self._protocols[FILE_PROTOCOL].checksum(name)) for name in files]
        return {"persistent": self._ids, "files": checked}

    def _files_made(self) -> list[str]:
        file: FileProtocol | None = self._protocols.get(FILE_PROTOCOL)
        return [] if file is None else list(file.made)

    def check(self, files: Iterable[Sequence[Any]], where: str, *, verify: bool) -> None:
        """Check the files that serializers made for a result.

        Parameters
        ----------
        files
            Those in the result's header.
        where
            Where it is stored, for messages.
        verify
            Whether to check their bytes; their sizes always are.

        Raises
        ------
        DamagedResultError
            If a file is gone or was changed.
        """
        for name, *stored in files:
            file: FileProtocol = self._protocols[FILE_PROTOCOL]
            try:
                found = list(file.checksum(name)) if verify else [file.nbytes(name), stored[1]]
            except FileNotFoundError:
                found = []
            if found != stored:
                msg = f"{where} is not a whole result: its file {name!r} is gone or was changed"
                raise DamagedResultError(msg)

    def remove(
        self, persistent: Sequence[Sequence[str]], files: Sequence[Sequence[Any]] = ()
    ) -> None:
        """Remove what serializers wrote; files also without the serializers."""
        for name, pid in persistent:
            if name in self._serializers:
                self._serializers[name].remove(ast.literal_eval(pid), self._protocols)
        for filename, *_ in files:
            self._protocols[FILE_PROTOCOL].remove(filename)

    def _write(self, obj: Any) -> tuple[str, Any] | None:
        serializer = self._by_class.get(type(obj))
        if serializer is None:
            return None
        persistent = serializer.pickle(obj, self._protocols)
        if not _is_persistent_id(persistent, serializer.name):
            msg = (
                f"serializer {serializer.name!r} gave {persistent!r}: its pickle() returns "
                "(its name, a persistent id of literals: text, numbers, tuples, …)"
            )
            raise TypeError(msg)
        self._ids.append((persistent[0], repr(persistent[1])))
        return persistent

    def _read(self, persistent: Any) -> Any:
        name, pid = persistent
        serializer = self._serializers.get(name)
        if serializer is None:
            self._refuse_missing(name)
        return serializer.unpickle(pid, self._protocols)

    def _refuse_missing(self, name: str) -> NoReturn:
        known = ", ".join(map(repr, self._serializers)) or "none"
        msg = (
            f"the result holds an object written by serializer {name!r}, and registered are "
            f"{known}; give its class to the storage's register_persistent_serializers"
        )
        raise MissingSerializerError(msg)


class _Pickler(pickle.Pickler):
    """A pickler whose `persistent_id` can be set."""


class _Unpickler(pickle.Unpickler):
    """An unpickler whose `persistent_load` can be set."""


def _is_persistent_id(value: Any, name: str) -> bool:
    if not (isinstance(value, tuple) and len(value) == 2 and value[0] == name):
        return False
    try:
        return bool(ast.literal_eval(repr(value[1])) == value[1])
    except (ValueError, SyntaxError):
        return False
