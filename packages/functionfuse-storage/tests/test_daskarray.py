"""DaskArraySerializer: dask arrays as zarr, in files and in S3."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from functionfuse.testing import require

if sys.version_info < (3, 11):
    pytest.skip("zarr 3 needs Python 3.11", allow_module_level=True)

daskarray = require("functionfuse.serializers.daskarray")
da = require("dask.array")
np = require("numpy")


@pytest.fixture
def storage(place):
    place.storage.register_persistent_serializers(daskarray.DaskArraySerializer)
    return place.storage


def array(dtype="f8"):
    return da.arange(35, chunks=35).reshape(5, 7).rechunk((2, 3)).astype(dtype)


def test_an_array_comes_back_lazily_with_its_chunks(storage, place):
    storage.save("w", "task", {"array": array(), "other": 1})
    read = storage.read_task("w", "task")["array"]
    assert type(read) is da.Array
    assert read.chunks == ((2, 2, 1), (3, 3, 1))
    assert read.dtype == "f8"
    assert np.array_equal(read.compute(), np.arange(35.0).reshape(5, 7))
    assert float(read[3:, 2:4].sum().compute()) == 23 + 24 + 30 + 31
    assert len(place.names()) == 9 + 1
    assert storage.list_tasks("w", "*") == ["task"]


@pytest.mark.parametrize(
    "chunks", [((1, 4), (7,)), ((2, 2, 1), (3, 1, 3)), ((5,), (0, 7)), ((1, 1, 3), (2, 5))]
)
def test_irregular_chunks_become_regular(storage, chunks):
    storage.save("w", "task", array().rechunk(chunks))
    read = storage.read_task("w", "task")
    assert read.chunksize == tuple(map(max, chunks))
    assert np.array_equal(read.compute(), np.arange(35.0).reshape(5, 7))


@pytest.mark.parametrize(
    "value",
    [
        np.array(3.5),
        np.array("2026-01-02", dtype="M8[D]"),
        np.zeros((0, 3)),
        np.zeros((3, 0, 2), dtype="U4"),
        np.array([True, False]),
        np.array([1, 2], dtype="f2"),
        np.array([1 + 2j]),
        np.array([1, 2], dtype=">i4"),
        np.array([1, 2], dtype="g"),
        np.array(["2026-01-02T03", "NaT"], dtype="M8[h]"),
        np.array([1, 2], dtype="m8[s]"),
        np.array([["a", "βγ"]]),
        np.array([b"a", b"bc"]),
        np.array([(1, (2.5, b"x"))], dtype=[("i", "i4"), ("deep", [("f", "f8"), ("s", "S3")])]),
        np.array([(1, [2, 3])], dtype=np.dtype([("i", "i1"), ("a", "i2", (2,))], align=True)),
    ],
    ids=lambda value: f"{value.dtype}{value.shape}",
)
def test_any_dtype_with_bytes_of_its_own_comes_back(storage, value):
    storage.save("w", "task", da.from_array(value, chunks=2))
    read = storage.read_task("w", "task")
    assert (read.dtype, read.shape) == (value.dtype, value.shape)
    computed = np.asarray(read.compute())
    assert computed.dtype == value.dtype
    assert str(computed.tolist()) == str(value.tolist())


def test_zeros_are_stored_too(storage, place):
    storage.save("w", "task", da.zeros((4, 4), chunks=2))
    assert len(place.names()) == 4 + 1


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: da.from_array(np.array([None, "a"]), chunks=2), TypeError, "dtype object can't"),
        (
            lambda: da.from_array(np.zeros(2, dtype=[("o", "O")]), chunks=2),
            TypeError,
            "can't be stored as zarr",
        ),
        (lambda: da.ma.masked_equal(da.arange(3), 1), TypeError, "not MaskedArray"),
        (lambda: (x := da.arange(9, chunks=3))[x > 3], ValueError, "compute_chunk_sizes"),
    ],
)
def test_what_zarr_can_not_hold_is_refused_before_anything_is_written(
    storage, place, wrong, error, message
):
    storage.save("w", "task", array())
    before = place.names()
    with pytest.raises(error, match=message):
        storage.save("w", "task", [wrong()])
    assert place.names() == before
    assert float(storage.read_task("w", "task").sum().compute()) == 595


def test_arrays_are_removed_with_their_result(storage, place):
    storage.save("w", "task", [array(), array()])
    storage.save("w", "other", array())
    assert len(place.names()) == 3 * 10
    storage.remove_task("w", "task")
    assert len(place.names()) == 10
    assert float(storage.read_task("w", "other").sum().compute()) == 595
    storage.remove_workflow("w")
    assert place.names() == []


def test_arrays_are_removed_when_their_result_is_replaced(storage, place):
    storage.save("w", "task", array())
    storage.save("w", "task", array() + 1)
    assert len(place.names()) == 10
    assert float(storage.read_task("w", "task").sum().compute()) == 595 + 35
    storage.save("w", "task", None)
    assert place.names() == []


def compute(lazy):
    return lazy.compute(scheduler="synchronous")


def test_what_was_read_goes_to_other_processes(storage):
    storage.save("w", "task", [array(), array("M8[s]")])
    read = storage.read_task("w", "task")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        numbers, times = executor.map(compute, read)
    assert np.array_equal(numbers, np.arange(35.0).reshape(5, 7))
    assert np.array_equal(times, np.arange(35).reshape(5, 7).astype("M8[s]"))


def test_a_storage_without_a_protocol_for_it_is_told(monkeypatch):
    with pytest.raises(TypeError, match="'file' or 'S3'; the storage has 'other'"):
        daskarray.DaskArraySerializer.pickle(array(), {"other": None})
