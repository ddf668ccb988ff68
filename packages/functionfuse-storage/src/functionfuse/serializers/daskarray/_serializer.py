"""How a dask array becomes a zarr array, and is read again."""

from __future__ import annotations

import ast
import uuid
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import dask.array
import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from functionfuse.errors import DamagedResultError
from functionfuse.serializers.daskarray._folders import Folder, WholeStore, open_folder
from functionfuse.serializers.daskarray._target import Target

__all__ = ["DaskArraySerializer"]

VERSION = "1"

da: Any = dask.array  # Only some of its functions have types.

PLAIN_DTYPES = frozenset(map(np.dtype, "?bhilqBHILQefdFD"))
"""What zarr has a specification for; arrays of any other dtype are written as their bytes."""


class DaskArraySerializer:
    """Writes dask arrays as zarr arrays beside the result, and reads them lazily.

    An array is computed when it is saved, by the scheduler that dask then has, and never is
    in memory as a whole. What is read has the same chunks, if all but the last along each
    axis are of one size, and else chunks of the largest size along each.

    Each chunk has a checksum, which is checked when the chunk is computed. Whether chunks
    are missing is checked when the result is read, and again when they are computed: then
    the result may have been replaced. Damage is a `ValueError`.
    """

    name = "dask.array"
    serializer_class = dask.array.Array

    @classmethod
    def pickle(cls, obj: dask.array.Array, protocols: Mapping[str, Any]) -> tuple[str, Any]:
        """Compute an array and write it.

        Raises
        ------
        TypeError
            If its dtype holds objects or has no size, or its blocks are no numpy arrays.
        ValueError
            If the sizes of its chunks are unknown.
        """
        _check(obj)
        array = _regular(obj)
        name = f"{uuid.uuid4().hex}.zarr"
        folder = open_folder(protocols, name)
        try:
            _write(array, folder)
            sizes = folder.sizes()
            checksum = zlib.crc32(folder.description())
        except BaseException:
            folder.remove()
            raise
        dtype = np.lib.format.dtype_to_descr(obj.dtype)
        return cls.name, (VERSION, name, repr(dtype), len(sizes), sum(sizes), checksum)

    @classmethod
    def unpickle(cls, pid: Any, protocols: Mapping[str, Any]) -> dask.array.Array:
        """Return the array with a persistent id, without reading its chunks.

        Raises
        ------
        DamagedResultError
            If a chunk is missing or was cut, or its description was changed.
        """
        if pid[0] != VERSION:
            msg = (
                f"a dask array was written in format {pid[0]!r}, and this version reads {VERSION!r}"
            )
            raise DamagedResultError(msg)
        _, name, dtype, count, nbytes, checksum = pid
        folder = open_folder(protocols, name)
        sizes = folder.sizes()
        if (len(sizes), sum(sizes)) != (count, nbytes) or zlib.crc32(
            folder.description()
        ) != checksum:
            msg = (
                f"a stored dask array, {name!r}, is damaged: {len(sizes)} files of {sum(sizes)} "
                f"bytes where {count} of {nbytes} were written, or its description changed"
            )
            raise DamagedResultError(msg)
        return _read(folder, name, np.lib.format.descr_to_dtype(ast.literal_eval(dtype)))

    @classmethod
    def remove(cls, pid: Any, protocols: Mapping[str, Any]) -> None:
        """Remove the array with a persistent id; nothing if it is gone."""
        open_folder(protocols, pid[1]).remove()


def _check(array: dask.array.Array) -> None:
    if array.dtype.hasobject or not array.dtype.itemsize:
        msg = (
            f"a dask array of dtype {array.dtype} can't be stored as zarr: its items have no "
            "bytes of their own; convert it with astype() before a node returns it"
        )
        raise TypeError(msg)
    if type(array._meta) is not np.ndarray:
        msg = (
            "a dask array is stored as zarr if its blocks are numpy arrays, not "
            f"{type(array._meta).__name__}; convert them with map_blocks()"
        )
        raise TypeError(msg)
    if np.isnan(array.shape).any():
        msg = (
            f"a dask array with chunks of unknown sizes, {array.chunks}, can't be stored as zarr; "
            "call its compute_chunk_sizes() before a node returns it"
        )
        raise ValueError(msg)


def _regular(array: dask.array.Array) -> dask.array.Array:
    """Return an array with chunks of one size along each axis, as zarr wants them."""
    sizes = tuple(map(max, array.chunks))
    shape: Any = array.shape  # No length in it is unknown.
    chunks = _chunks(shape, sizes)
    return array if array.chunks == chunks else da.rechunk(array, chunks)


def _chunks(shape: Sequence[int], sizes: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Return dask's chunks of a shape, all but the last along each axis of given sizes."""
    return tuple(
        (size,) * (length // size) + ((length % size,) if length % size else ()) if length else (0,)
        for length, size in zip(shape, sizes, strict=True)
    )


def _write(array: dask.array.Array, folder: Folder) -> None:
    if array.dtype not in PLAIN_DTYPES:
        chunks = (*array.chunks, (array.dtype.itemsize,))
        array = da.map_blocks(_to_bytes, array, dtype="u1", chunks=chunks, new_axis=array.ndim)
    create_array: Any = zarr.create_array  # Its types know fewer values than it takes.
    stored = create_array(
        store=folder.store(),
        shape=array.shape,
        chunks=tuple(max(sizes[0], 1) for sizes in array.chunks),
        dtype=array.dtype,
        # The checksum is of what is stored, so the last.
        compressors=[ZstdCodec(), Crc32cCodec()],
        # Else chunks of nothing but zeros would be missing, as damaged ones are.
        config={"write_empty_chunks": True},
    )
    target = Target(stored)
    try:
        # No two blocks share a chunk, so no lock is needed.
        da.store(array, target, lock=False)
    except BaseException:
        target.close()
        raise


def _read(folder: Folder, name: str, dtype: np.dtype[Any]) -> dask.array.Array:
    stored = zarr.open_array(WholeStore(folder.store()), mode="r", zarr_format=3)
    array: dask.array.Array = da.from_array(
        stored, chunks=_chunks(stored.shape, stored.chunks), name=f"stored-{name}"
    )
    if dtype not in PLAIN_DTYPES:
        array = da.map_blocks(_from_bytes, array, dtype, dtype=dtype, drop_axis=array.ndim - 1)
    return array


def _to_bytes(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(block, order="C")[..., np.newaxis].view("u1")


def _from_bytes(block: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    return np.asarray(block, order="C").view(dtype)[..., 0]
