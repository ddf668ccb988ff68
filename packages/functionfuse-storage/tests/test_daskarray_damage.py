"""DaskArraySerializer: what is missing, cut, changed or fails, in files and in S3."""

from __future__ import annotations

import sys

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.errors import DamagedResultError
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


def chunk_of(place, number=0):
    """Return the path of a chunk's file."""
    return [name for name in place.names() if not str(name).endswith("zarr.json")][number]


def array(dtype="f8"):
    return da.arange(35, chunks=35).reshape(5, 7).rechunk((2, 3)).astype(dtype)


def test_only_the_chunks_that_are_computed_are_read(storage, place):
    storage.save("w", "task", array())
    read = storage.read_task("w", "task")
    place.write(chunk_of(place, -1), b"")
    assert read[0, 0].compute() == 0
    with pytest.raises(ValueError, match=r"checksum|[Cc]hunk"):
        read.compute()


def test_an_array_that_was_replaced_since_it_was_read_is_no_zeros(storage):
    storage.save("w", "task", array())
    read = storage.read_task("w", "task")
    storage.save("w", "task", array() + 1)
    with pytest.raises(DamagedResultError, match="gone"):
        read.compute()


def test_what_fails_half_way_leaves_nothing(storage, place):
    def fail(block, block_id):
        if block_id == (2, 2):
            raise LookupError
        return block

    with pytest.raises(LookupError):
        storage.save("w", "task", array().map_blocks(fail, dtype="f8", meta=np.zeros((0, 0))))
    assert place.names() == []


@pytest.mark.parametrize("damage", ["gone", "cut", "more"])
def test_a_missing_or_cut_chunk_damages_the_result(storage, place, damage):
    storage.save("w", "task", array())
    path = chunk_of(place)
    if damage == "gone":
        place.remove(path)
    else:
        data = place.read(path)
        place.write(path, data[:-1] if damage == "cut" else data + b"x")
    with pytest.raises(DamagedResultError):
        storage.read_task("w", "task")


def test_a_changed_chunk_is_an_error_when_it_is_computed(storage, place):
    storage.save("w", "task", array())
    path = chunk_of(place)
    data = bytearray(place.read(path))
    data[len(data) // 2] ^= 1
    place.write(path, bytes(data))
    read = storage.read_task("w", "task")
    assert read[4, 6].compute() == 34
    with pytest.raises(ValueError, match="checksum"):
        read.compute()


def test_a_changed_description_damages_the_result(storage, place):
    storage.save("w", "task", array())
    (path,) = (name for name in place.names() if str(name).endswith("zarr.json"))
    place.write(path, place.read(path).replace(b"float64", b"uint64\x20"))
    with pytest.raises(DamagedResultError):
        storage.read_task("w", "task")


@workflow
def make():
    return array()


@workflow
def total(numbers):
    return float(numbers.sum().compute())


def test_a_run_computes_again_what_is_damaged(storage, place):
    def build():
        w = LocalWorkflow(total(make().set_name("array")).set_name("total"), workflow_name="w")
        w.set_storage(storage)
        return w

    assert build().run() == 595
    storage.remove_task("w", "total")
    place.remove(chunk_of(place))
    with pytest.warns(UserWarning, match="'array'"):
        assert build().run() == 595
    assert len(place.names()) == 10
