"""The result format: what is encoded comes back, and nothing else ever passes for it."""

from __future__ import annotations

import hashlib
import pickle
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from functionfuse.errors import DamagedResultError
from functionfuse.storage import format as result_format
from functionfuse.storage.format import ALIGNMENT, CHUNK_BYTES, Header, StoredResult, encode, write


def is_kept_by_numpy(dtype):
    """Tell whether numpy itself pickles a type of items as it is (not so for `>M8`)."""
    return pickle.loads(pickle.dumps(np.empty(0, dtype), protocol=5)).dtype == dtype


def to_bytes(value, **header):
    data = bytearray()
    write(encode(value, Header(header.pop("task", "task"), **header)), data.extend)
    return data


def load(data, **options):
    return StoredResult(memoryview(data), "w/task").load(**options)


dtypes = st.one_of(
    hnp.scalar_dtypes(),
    hnp.array_dtypes(max_size=3),
    hnp.byte_string_dtypes(),
    hnp.unicode_string_dtypes(),
).filter(is_kept_by_numpy)
arrays = st.one_of(
    hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=20)),
    hnp.arrays(np.float64, st.integers(0, 3000), fill=st.floats()),
    st.integers(1, 2000).map(lambda size: np.arange(size * 2)[::2]),
    st.integers(1, 50).map(lambda size: np.ones((size, size * 2), order="F")),
    st.integers(1, 50).map(lambda size: np.arange(size * size).reshape(size, size)[::-1, 1:]),
    st.integers(0, 5).map(lambda size: np.array([{"a": i} for i in range(size)], dtype=object)),
)  # fmt: skip
atoms = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.complex_numbers(),
    st.binary(max_size=5000), st.binary(max_size=5000).map(bytearray), arrays,
)  # fmt: skip
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3), inner, max_size=4),
    ),
    max_leaves=8,
)


def assert_same(read, value):
    assert type(read) is type(value)
    if isinstance(value, np.ndarray):
        assert (read.dtype, read.shape) == (value.dtype, value.shape)
        assert read.flags.f_contiguous or not value.flags.f_contiguous
        if value.dtype == object:
            assert read.tolist() == value.tolist()
        else:
            assert read.tobytes() == value.tobytes()
        if read.size:
            assert read.flags.writeable
            read[...] = read.copy()
    elif isinstance(value, (list, tuple)):
        assert len(read) == len(value)
        for one, other in zip(read, value, strict=True):
            assert_same(one, other)
    elif isinstance(value, dict):
        assert list(read) == list(value)
        assert_same(list(read.values()), list(value.values()))
    else:
        assert repr(read) == repr(value)


@given(value=values)
def test_any_value_comes_back(value):
    data = to_bytes(value)
    assert_same(load(data), value)
    assert_same(load(to_bytes(value), verify=False), value)


@given(value=values, where=st.data())
def test_no_truncation_passes(value, where):
    data = to_bytes(value)
    length = where.draw(st.integers(0, len(data) - 1))
    for verify in (True, False):
        with pytest.raises(DamagedResultError):
            load(data[:length], verify=verify)


@given(value=values, where=st.data())
def test_no_flipped_bit_passes(value, where):
    data = to_bytes(value)
    bit = where.draw(st.integers(0, 8 * len(data) - 1))
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedResultError):
        load(data)


def test_every_single_flipped_bit_and_truncation_of_a_small_result_is_found():
    whole = to_bytes({"a": 1, "b": bytearray(100)}, fingerprint={"digest": "ab"})
    for bit in range(8 * len(whole)):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedResultError):
            load(data)
    for length in range(len(whole)):
        with pytest.raises(DamagedResultError):
            load(whole[:length])


@given(value=values, garbage=st.binary(min_size=1, max_size=5000))
def test_nothing_may_follow(value, garbage):
    for verify in (True, False):
        with pytest.raises(DamagedResultError, match="bytes where"):
            load(to_bytes(value) + garbage, verify=verify)


@given(data=st.binary(max_size=300))
def test_no_foreign_bytes_pass(data):
    with pytest.raises(DamagedResultError, match="w/task is not a whole result"):
        load(data)


@given(data=st.binary(max_size=300))
def test_nothing_passes_for_its_magic(data):
    with pytest.raises(DamagedResultError):
        load(result_format.MAGIC + data)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_what_functionfuse_001_wrote_is_named_as_such(protocol):
    text = pickle.dumps({"model": [1, 2]}, protocol=protocol)
    with pytest.raises(DamagedResultError, match=r"plain pickle, as functionfuse 0\.0\.1 wrote"):
        load(text + hashlib.sha1(text).digest())


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (b"x", "starts with b'x'"), (b"\x89PNG\r\n\x1a\n" + bytes(99), "starts with"),
     (b"\x93NUMPY\x01\x00", "starts with"), (b"\x80", "starts with")],
)  # fmt: skip
def test_the_error_says_what_a_foreign_file_starts_with(data, reason):
    with pytest.raises(DamagedResultError, match=reason):
        load(data)


def test_a_newer_format_is_said_to_be_one():
    text = b'{"format":2,"task":"task"}'
    data = result_format.PREFIX.pack(result_format.MAGIC, len(text), zlib.crc32(text)) + text
    with pytest.raises(DamagedResultError, match="format 2, and this version reads 1"):
        load(data)


def test_fields_of_later_versions_are_passed_over():
    """There is room for a signature."""
    header = Header("task", blocks=[3], persistent=[], files=[])
    fields = {**header._asdict(), "signature": "ab"}
    text = result_format._to_json(fields).encode()
    data = result_format.PREFIX.pack(result_format.MAGIC, len(text), zlib.crc32(text)) + text
    assert StoredResult(memoryview(data), "w/task").header == header


@pytest.fixture(scope="module")
def large():
    """Return the bytes of a result of many chunks."""
    return to_bytes(large_value())


def large_value():
    numbers = np.random.default_rng(0)
    return {
        "a": numbers.random(CHUNK_BYTES // 8 + 3),
        "b": numbers.integers(0, 255, 3 * CHUNK_BYTES + 1, dtype=np.uint8),
        "c": numbers.random(200),
        "d": bytearray(b"x" * CHUNK_BYTES),
        "e": np.zeros(0),
    }


@pytest.mark.parametrize("verify", [True, False])
def test_a_result_of_many_chunks_comes_back(verify):
    value = large_value()
    data = to_bytes(value)
    assert len(data) > 5 * CHUNK_BYTES
    assert_same(load(data, verify=verify), value)


@settings(max_examples=30, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_in_many_chunks_is_found(large, where, bit):
    position = int(where * len(large))
    large[position] ^= 1 << bit
    try:
        with pytest.raises(DamagedResultError):
            load(large)
    finally:
        large[position] ^= 1 << bit


@pytest.mark.parametrize("size", [*range(-70, 71, 7), -1, 0, 1])
@pytest.mark.parametrize("near", [result_format.THREAD_BYTES, CHUNK_BYTES, 2 * CHUNK_BYTES])
def test_sizes_around_the_limits_come_back(near, size):
    value = np.arange(near + size - 400, dtype=np.uint8)
    assert (load(to_bytes(value)) == value).all()


def test_swapped_chunks_are_found():
    data = to_bytes(np.arange(CHUNK_BYTES))
    middle = data[CHUNK_BYTES : 2 * CHUNK_BYTES]
    data[CHUNK_BYTES : 2 * CHUNK_BYTES] = data[2 * CHUNK_BYTES : 3 * CHUNK_BYTES]
    data[2 * CHUNK_BYTES : 3 * CHUNK_BYTES] = middle
    with pytest.raises(DamagedResultError, match="changed"):
        load(data)


def test_a_changed_byte_passes_only_unverified():
    value = np.zeros(100_000)
    data = to_bytes(value)
    data[200_000] ^= 1
    with pytest.raises(DamagedResultError, match="changed"):
        load(data)
    assert (load(data, verify=False) != value).sum() == 1


def test_buffers_are_not_copied():
    value = np.arange(1000)
    pieces = encode(value, Header("task"))
    assert any(np.shares_memory(np.frombuffer(piece, np.uint8), value) for piece in pieces if piece)
    data = to_bytes(value)
    assert np.shares_memory(load(data), np.frombuffer(data, np.uint8))


def test_buffers_are_aligned():
    data = to_bytes([np.arange(1000), np.arange(2001, dtype=np.int8), np.arange(999.0)])
    base = np.frombuffer(data, np.uint8).ctypes.data
    assert [(array.ctypes.data - base) % ALIGNMENT for array in load(data)] == [0, 0, 0]


@pytest.mark.parametrize("size", [10, 10_000])
def test_an_array_that_was_read_only_stays_so(size):
    value = np.arange(size)
    value.flags.writeable = False
    assert not load(to_bytes(value)).flags.writeable


def test_one_object_in_two_places_stays_one():
    array = np.arange(1000)
    first, second = load(to_bytes([array, array]))
    assert first is second


def test_the_header_tells_what_it_was_given():
    header = Header("näme \ud800", {"digest": "ab"}, started=1.5, duration=0.25)
    data = bytearray()
    write(encode([1], header), data.extend)
    read = StoredResult(memoryview(data), "w/task").header
    assert read._replace(blocks=(), persistent=(), files=()) == header
    assert sum(read.blocks) < len(data)


def test_a_header_is_read_from_the_start_alone():
    data = to_bytes(np.arange(100_000), fingerprint={"digest": "ab"})
    header = StoredResult(memoryview(data)[: result_format.HEAD_BYTES], "w/task").header
    assert header.fingerprint == {"digest": "ab"}


def test_what_an_older_version_wrote_is_read():
    """These bytes must always be read: otherwise give the format another number."""
    text = (
        b'{"task":"model","fingerprint":{"digest":"ab"},"started":1.0,"duration":0.5,'
        b'"python":"3.11.7","pickler":"pickle","blocks":[8,4],"format":1}'
    )
    data = b"\x89fuse\r\n\x1a" + len(text).to_bytes(4, "little")
    data += zlib.crc32(text).to_bytes(4, "little") + text
    data += bytes(-len(data) % 64) + b"\x80\x05K\x01\x97\x86.."[:8]
    data += bytes(-len(data) % 64) + b"\x01\x02\x03\x04"
    data += zlib.crc32(data).to_bytes(4, "little")
    stored = StoredResult(memoryview(bytearray(data)), "w/task")
    assert stored.load() == (1, b"\x01\x02\x03\x04")
    assert stored.header == Header(
        "model", {"digest": "ab"}, 1.0, 0.5, "3.11.7", "pickle", blocks=[8, 4]
    )
