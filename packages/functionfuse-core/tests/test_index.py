"""The index: a cache of what the headers tell, believed only where it fits."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functionfuse.storage.filestorage import FileStorage
from functionfuse.storage.index import Saved, dump_index, load_index
from functionfuse.storage.keeper import Stamp

text = st.text(st.characters(), max_size=10)
entries = st.builds(Saved, text, st.builds(Stamp, st.integers(0), text), text, text, text)


@given(index=st.dictionaries(text, entries, max_size=5))
def test_what_is_dumped_is_loaded(index):
    assert load_index(dump_index(index)) == index


@pytest.mark.parametrize(
    "data",
    [b"", b"no JSON", b"\xff", b"[]", b"3", b"{}", b'{"format": 1}', b'{"format": 1, "rows": 3}',
     b'{"format": 1, "rows": [3]}', b'{"format": 1, "rows": [["a"]]}',
     b'{"format": 1, "rows": [["a", 1, "v", "a", "3.11"]]}', b'{"format": 2, "rows": []}'],
)  # fmt: skip
def test_an_index_that_is_not_whole_has_no_entries(data):
    assert load_index(data) == {}


def test_an_index_of_another_format_has_no_entries():
    entry = Saved("a", Stamp(1, "v"), "3.11", "ab", "cd")
    index = json.loads(dump_index({"a": entry}))
    index["format"] += 1
    assert load_index(json.dumps(index).encode()) == {}


@pytest.fixture
def storage(tmp_path):
    storage = FileStorage(tmp_path)
    for name in ("a", "b"):
        storage.save("w", name, name, fingerprint={"digest": name, "data_digest": name})
    storage.write_index("w", storage.list_saved("w").saved.values())
    return storage


def test_a_whole_index_spares_reading_the_headers(storage, tmp_path):
    """What only the header tells is not noticed."""
    path = tmp_path / "w" / "a"
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"damaged!")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert storage.list_saved("w").saved["a"].digest == "a"


@pytest.mark.parametrize("damage", ["absent", "empty", "cut", "foreign", "folder"])
def test_without_a_whole_index_the_headers_are_read(storage, tmp_path, damage):
    before = storage.list_saved("w")
    index = tmp_path / ".functionfuse" / "w" / "index"
    data = index.read_bytes()
    index.unlink()
    if damage == "folder":
        index.mkdir()
    elif damage != "absent":
        index.write_bytes({"empty": b"", "cut": data[:-9], "foreign": b"x" * 99}[damage])
    listing = storage.list_saved("w")
    assert listing.saved == before.saved
    assert not listing.is_indexed


def test_a_result_that_was_saved_again_is_read_anew(storage):
    storage.save("w", "a", 2, fingerprint={"digest": "new"})
    listing = storage.list_saved("w")
    assert {name: saved.digest for name, saved in listing.saved.items()} == {"a": "new", "b": "b"}
    assert not listing.is_indexed


def test_what_is_gone_is_not_listed(storage):
    storage.remove_task("w", "a")
    assert set(storage.list_saved("w").saved) == {"b"}


def test_what_save_returns_is_what_a_listing_tells(storage):
    saved = storage.save("w", "c", 3, fingerprint={"digest": "x", "data_digest": "y"})
    assert storage.list_saved("w").saved["c"] == saved
    storage.write_index("w", storage.list_saved("w").saved.values())
    assert storage.list_saved("w").saved["c"] == saved


def test_damaged_results_are_told_apart(storage, tmp_path):
    (tmp_path / "w" / "a").write_bytes(b"foreign")
    listing = storage.list_saved("w")
    assert set(listing.saved) == {"b"}
    assert set(listing.damaged) == {"a"}


def test_removing_a_workflow_removes_its_index(storage, tmp_path):
    storage.remove_workflow("w")
    assert not (tmp_path / "w").exists()
    assert not (tmp_path / ".functionfuse" / "w").exists()
    assert storage.list_saved("w").saved == {}
