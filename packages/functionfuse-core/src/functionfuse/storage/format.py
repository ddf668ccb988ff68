"""The result format: one object as bytes, the same in every storage.

::

    prefix      8 bytes magic, header's length and crc32 (4 bytes each, little endian)
    header      JSON: the task's name, fingerprint, times, and the blocks' sizes
    blocks      the pickle (protocol 5), then its out-of-band buffers as they are in
                memory; each starts at a multiple of 64 bytes
    checksums   crc32 (4 bytes, little endian) of each 4 MiB of all that stands before

Buffers (arrays, data frames) are neither copied when written nor, where the file is
mapped, when read. A truncated, changed or foreign file never passes for a result.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import struct
import sys
import threading
import zlib
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from functionfuse.errors import DamagedResultError
from functionfuse.storage.codec import Codec

__all__ = ["HEAD_BYTES", "Buffer", "Header", "StoredResult", "encode", "write"]

MAGIC = b"\x89fuse\r\n\x1a"
PREFIX = struct.Struct("<8sII")
ALIGNMENT = 64
CHUNK_BYTES = 4 << 20
JOINED_BYTES = 1 << 16
"""Below this size one write of all costs less than a write for each piece."""

THREAD_BYTES = CHUNK_BYTES
"""From this size on, a thread that takes the checksums costs less than it saves."""

IN_BAND_BYTES = 1024
"""Smaller buffers stay inside the pickle: a block of its own costs more than a copy."""

HEAD_BYTES = 4096
"""A read of this many bytes from the start nearly always holds the whole header."""

FORMAT = 1
PYTHON = sys.version.partition(" ")[0]

Buffer = bytes | memoryview
"""One byte an item, so that `len` is the size."""

PLAIN = Codec()

UNPICKLABLE = (pickle.PicklingError, AttributeError, TypeError)
"""What pickle raises of objects that it can't write."""

_to_json = json.JSONEncoder(separators=(",", ":")).encode


class Header(NamedTuple):
    """What a stored result says of itself."""

    task: str
    fingerprint: Mapping[str, Any] | None = None
    """What the result was made from (see `functionfuse.reuse`); None when saved by hand."""
    started: float | None = None
    """When the node started, in seconds since the epoch."""
    duration: float | None = None
    """How long the node ran, in seconds."""
    python: str = PYTHON
    """Version of the Python that made the result."""
    pickler: str = "pickle"
    """The library that wrote the pickle."""
    blocks: Sequence[int] = ()
    """Sizes in bytes: of the pickle, then of each buffer."""
    format: int = FORMAT
    persistent: Sequence[Sequence[str]] = ()
    """What serializers wrote: each a serializer's name and the text of a persistent id."""
    files: Sequence[Sequence[Any]] = ()
    """The files that serializers made: each a name, its size in bytes and its crc32."""


def encode(value: Any, header: Header, codec: Codec = PLAIN) -> list[Buffer]:
    """Turn an object into the bytes of a result, in pieces to be written in order.

    Parameters
    ----------
    value
        Anything that can be pickled.
    header
        All that is known before.
    codec
        What makes the pickle.

    Returns
    -------
    list of buffers
        All but the checksums. The large ones are the memory of `value` itself.
    """
    buffers: list[memoryview] = []

    def out_of_band(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < IN_BAND_BYTES:
            return True
        buffers.append(raw)
        return False

    pickler = "pickle"
    try:
        data = codec.dumps(value, out_of_band)
    except UNPICKLABLE as error:
        buffers.clear()
        try:
            data, pickler = codec.cloud_dumps(value, out_of_band), "cloudpickle"
        except ImportError:
            raise error from None
    blocks: list[Buffer] = [data, *buffers]
    fields = dict(zip(Header._fields, header, strict=True), pickler=pickler)
    fields.update(blocks=[*map(len, blocks)], **codec.made())
    text = _to_json(fields).encode()
    start = PREFIX.pack(MAGIC, len(text), zlib.crc32(text)) + text
    pieces: list[Buffer] = [start]
    size = len(start)
    for block in blocks:
        padding = -size % ALIGNMENT
        pieces += (bytes(padding), block)
        size += padding + len(block)
    return pieces


def write(pieces: Sequence[Buffer], write_all: Callable[[Buffer], Any]) -> None:
    """Write the pieces of a result and their checksums.

    Parameters
    ----------
    pieces
        What `encode` gave.
    write_all
        Writes a whole buffer. While it writes large ones, a thread takes checksums.
    """
    nbytes = sum(map(len, pieces))
    if nbytes < THREAD_BYTES:
        whole = (*pieces, _table([_checksum(pieces)]))
        for piece in (b"".join(whole),) if nbytes < JOINED_BYTES else whole:
            write_all(piece)
        return
    chunks = list(_chunks(pieces))

    def write_chunks() -> None:
        for chunk in chunks:
            for piece in chunk:
                write_all(piece)

    write_all(_table(_checksums(chunks, write_chunks)))


class StoredResult:
    """A result as it is stored.

    Parameters
    ----------
    data
        All bytes of it, or its start: then only the header can be read.
    where
        Where it is stored, for messages.

    Raises
    ------
    DamagedResultError
        If the header is not whole.
    """

    def __init__(self, data: memoryview, where: str) -> None:
        self._data = data
        self._where = where
        self.header = self._read_header()

    def _read_header(self) -> Header:
        if len(self._data) < PREFIX.size or bytes(self._data[: len(MAGIC)]) != MAGIC:
            self._refuse(_describe_foreign(self._data))
        _, length, checksum = PREFIX.unpack_from(self._data)
        text = self._data[PREFIX.size : PREFIX.size + length]
        if len(text) < length:
            self._refuse("it ends inside its header")
        if zlib.crc32(text) != checksum:
            self._refuse("its header was changed")
        fields = json.loads(str(text, "ascii"))
        if fields["format"] != FORMAT:
            self._refuse(f"it has format {fields['format']}, and this version reads {FORMAT}")
        self._start = PREFIX.size + length
        return Header(**{name: fields[name] for name in Header._fields if name in fields})

    def load(self, *, verify: bool = True, codec: Codec = PLAIN) -> Any:
        """Return the object; its buffers are those of the data, without a copy.

        Parameters
        ----------
        verify
            Whether to check the blocks' checksums; the header and size always are.
        codec
            What reads the pickle.

        Raises
        ------
        DamagedResultError
            If a byte is missing or was changed.
        ImportError
            If it was written with cloudpickle, and that is not installed.
        """
        data = self._data
        blocks = []
        end = self._start
        for size in self.header.blocks:
            start = end + -end % ALIGNMENT
            end = start + size
            blocks.append(data[start:end])
        nbytes = end + 4 * -(-end // CHUNK_BYTES)
        if len(data) != nbytes:
            self._refuse(f"it has {len(data)} bytes where {nbytes} were written")
        if verify and data[end:] != _table(_checksums(list(_chunks([data[:end]])))):
            self._refuse("its bytes were changed")
        try:
            return codec.loads(blocks[0], blocks[1:])
        except ModuleNotFoundError as error:
            pickler = self.header.pickler
            if (error.name or "").partition(".")[0] == pickler:
                msg = f"{self._where} was written with {pickler}: pip install {pickler}"
                raise ImportError(msg, name=pickler) from error
            raise

    def peek(self) -> bytes:
        """Return the pickle, as far as there are bytes of it."""
        start = self._start + -self._start % ALIGNMENT
        return bytes(self._data[start : start + self.header.blocks[0]])

    def _refuse(self, why: str) -> NoReturn:
        msg = f"{self._where} is not a whole result: {why}"
        raise DamagedResultError(msg)


def _describe_foreign(data: memoryview) -> str:
    """Say what a file is that does not start as a result does."""
    start = bytes(data[:2])
    if not start:
        return "it is empty"
    if b"\x80\x02" <= start <= b"\x80\x05":
        return (
            "it is a plain pickle, as functionfuse 0.0.1 wrote (pickle, then 20 bytes of sha1); "
            "load it with that version, or remove it and run the node again"
        )
    return f"it starts with {start!r}, which no result does"


def _chunks(pieces: Iterable[Buffer]) -> Iterator[list[memoryview]]:
    """Cut pieces into chunks, each a list of the parts that make it up."""
    chunk: list[memoryview] = []
    room = CHUNK_BYTES
    for piece in pieces:
        rest = memoryview(piece)
        while len(rest):
            chunk.append(rest[:room])
            rest, room = rest[room:], room - len(chunk[-1])
            if not room:
                yield chunk
                chunk, room = [], CHUNK_BYTES
    if chunk:
        yield chunk


def _checksum(chunk: Iterable[Buffer]) -> int:
    checksum = 0
    for part in chunk:
        checksum = zlib.crc32(part, checksum)
    return checksum


def _checksums(
    chunks: Sequence[Sequence[memoryview]], meanwhile: Callable[[], None] = lambda: None
) -> list[int]:
    """Checksum all chunks, in a second thread and, once it has done something else, in this."""
    left = deque(range(len(chunks)))
    sums = [0] * len(chunks)

    def take() -> None:
        with contextlib.suppress(IndexError):  # None is left.
            while True:
                number = left.popleft()
                sums[number] = _checksum(chunks[number])

    if len(chunks) == 1:
        meanwhile()
        take()
        return sums
    thread = threading.Thread(target=take)
    thread.start()
    try:
        meanwhile()
        take()
    finally:
        thread.join()
    return sums


def _table(checksums: Iterable[int]) -> bytes:
    table = array("I", checksums)
    if sys.byteorder == "big":
        table.byteswap()
    return table.tobytes()
