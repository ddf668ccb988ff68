"""What pickle can't write is written by cloudpickle, where that is installed."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from functionfuse.storage.filestorage import FileStorage
from functionfuse.storage.format import UNPICKLABLE

pytest.importorskip("cloudpickle")


@pytest.fixture
def storage(tmp_path):
    return FileStorage(tmp_path)


def test_a_local_class_is_saved_with_cloudpickle(storage):
    class Model:
        weight = 3

    storage.save("w", "model", Model())
    assert storage.read_header("w", "model").pickler == "cloudpickle"
    assert storage.read_task("w", "model").weight == 3


def test_what_pickle_can_write_is_written_by_it(storage):
    storage.save("w", "model", {"weight": 3})
    assert storage.read_header("w", "model").pickler == "pickle"


def test_large_buffers_are_kept_once_when_pickle_fails_half_way(storage):
    value = [bytearray(5000), memoryview, lambda: 3]
    storage.save("w", "task", value)
    assert storage.read_task("w", "task")[2]() == 3


def test_what_neither_can_write_is_an_error_about_just_that(storage):
    with pytest.raises(TypeError, match=r"cannot pickle '_thread\.lock' object"):
        storage.save("w", "task", [lambda: 3, threading.Lock()])


def test_without_cloudpickle_the_error_is_that_of_pickle(storage, monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(UNPICKLABLE, match="local"):
        storage.save("w", "task", lambda: 3)


def test_reading_without_cloudpickle_says_what_to_install(storage, tmp_path):
    storage.save("w", "task", lambda: 3)
    code = (
        "import sys; sys.modules['cloudpickle'] = None\n"
        "from functionfuse.storage.filestorage import FileStorage\n"
        f"FileStorage({str(tmp_path)!r}).read_task('w', 'task')"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "was written with cloudpickle: pip install cloudpickle" in process.stderr
