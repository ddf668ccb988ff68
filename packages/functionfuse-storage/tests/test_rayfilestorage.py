"""The Ray file storage: core's files, on the node of a cluster that options point to."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path

import psutil
import pytest

import ray_apart
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.errors import UnreachableStorageError
from functionfuse.storage import filestorage, storage_factory
from functionfuse.storage.rayfilestorage import FileStorage
from functionfuse.testing import Backend, BackendTests, StorageTests, require
from functionfuse.testing.functions import Point

require("ray")

DISK = {"resources": {"_disk": 0.001}}
IN_SECONDS_S = 30.0
LARGE_BYTES = 500_000_000
STORE_BYTES = 1_300_000_000
"""What is read is in it once, and what is written; Ray frees the one while it takes the other."""


@pytest.fixture(scope="module")
def ray():
    with (
        ray_apart.settings(),
        ray_apart.running(resources={"_disk": 1}, object_store_memory=STORE_BYTES) as ray,
    ):
        yield ray


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return the one folder of all tests: for each other, Ray would start a process."""
    return tmp_path_factory.mktemp("place") / "results"


@pytest.fixture
def storage(ray, place):
    shutil.rmtree(place, ignore_errors=True)
    options = {"path": str(place), "remoteArgs": DISK}
    return storage_factory({"kind": "ray", "options": options})


class TestRayFileStorage(StorageTests):
    @pytest.fixture
    def storage(self, storage):
        return storage


class TestLocalWorkflowWithRayFileStorage(BackendTests):
    @pytest.fixture
    def backend(self):
        return Backend(LocalWorkflow)

    @pytest.fixture
    def storage(self, storage):
        return storage


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (None, TypeError, "dictionary of options"),
        ("results", TypeError, "dictionary of options"),
        ({}, ValueError, "takes the options path"),
        ({"path": "x", "remote_args": {}}, ValueError, r"got \['path', 'remote_args'\]"),
        ({"path": 3}, TypeError, "path of a Ray file storage"),
        ({"path": ""}, (TypeError, ValueError), "path of a Ray file storage"),
        ({"path": "x", "remoteArgs": ["_disk"]}, TypeError, "remoteArgs .* is a dictionary"),
        ({"path": "x", "remoteArgs": None}, TypeError, "remoteArgs .* is a dictionary"),
        ({"path": "x", "rayInitArgs": 3}, TypeError, "rayInitArgs .* is a dictionary"),
        ({"path": "x", "remoteArgs": {"resource": {}}}, ValueError, "resource"),
        ({"path": "x", "remoteArgs": {"num_cpus": -1}}, ValueError, "num_cpus"),
    ],
    ids=repr,
)
def test_wrong_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        FileStorage(options)


def test_a_relative_path_is_taken_from_the_nodes_working_directory(ray, tmp_path, monkeypatch):
    @ray.remote(num_cpus=0, **DISK)
    def directory():
        return Path.cwd()

    there = ray.get(directory.remote())
    monkeypatch.chdir(tmp_path)
    name = f"results-{os.getpid()}"
    storage = FileStorage({"path": name, "remoteArgs": DISK})
    storage.save("w", "task", 1)
    try:
        assert (there / name / "w" / "task").is_file()
        assert storage.read_task("w", "task") == 1
    finally:
        shutil.rmtree(there / name)


def test_a_resource_that_no_node_has_is_an_error_in_seconds(ray, tmp_path):
    storage = FileStorage({"path": str(tmp_path), "remoteArgs": {"resources": {"_tape": 1}}})
    start = time.monotonic()
    with pytest.raises(UnreachableStorageError, match=r"'_tape'.*offered are .*_disk"):
        storage.list_tasks("w", "*")
    assert time.monotonic() - start < IN_SECONDS_S


def test_a_path_that_is_a_file_is_an_error(ray, tmp_path):
    (tmp_path / "file").touch()
    storage = FileStorage({"path": str(tmp_path / "file"), "remoteArgs": DISK})
    with pytest.raises(NotADirectoryError, match="is a file"):
        storage.save("w", "task", 1)


def test_the_representation_tells_the_place(storage, place):
    assert repr(storage) == f"FileStorage('{place}' on the Ray node with {DISK})"


def test_the_files_are_those_of_cores_file_storage(storage, place):
    """What one writes the other reads, and writes the same bytes."""
    core = filestorage.FileStorage(place)
    values = {"a": None, "b, c/d": Point(1, [2]), "large": bytearray(3_000_000)}
    for name, value in values.items():
        storage.save("w", name, value, started=1e9, duration=0.5)
        core.save("v", name, value, started=1e9, duration=0.5)
    assert {name: core.read_task("w", name) for name in values} == values
    assert {name: storage.read_task("v", name) for name in values} == values
    written = {path.name: path.read_bytes() for path in (place / "w").iterdir()}
    assert written == {path.name: path.read_bytes() for path in (place / "v").iterdir()}


def test_a_handle_is_used_inside_a_task_of_ray(ray, storage):
    """It may be the first to use the storage; what it started ends with its process."""

    @ray.remote
    def use(storage):
        storage.save("w", "made in a task", [1])
        return storage.read_task("w", "made in a task"), os.getpid()

    value, pid = ray.get(use.remote(storage))
    assert value == [1]
    assert storage.read_task("w", "made in a task") == [1]
    psutil.Process(pid).kill()
    assert storage.read_task("w", "made in a task") == [1]


def test_the_storages_process_is_started_again_when_it_died(ray, storage):
    storage.save("w", "task", 1)
    ray.kill(storage.actor())
    assert storage.read_task("w", "task") == 1


def test_a_large_result_is_saved_and_read_with_little_more_memory_than_itself(storage):
    """Its bytes are in Ray's object store once; besides that, only the reader has a copy."""
    np = require("numpy")
    value = np.full(LARGE_BYTES // 8, 1.5)
    storage.save("w", "small", 1)
    with Peak() as saving:
        storage.save("w", "large", value)
    assert saving.growth < 1.5 * LARGE_BYTES
    with Peak() as reading:
        read = storage.read_task("w", "large")
    assert reading.growth < 2.5 * LARGE_BYTES
    assert (read == value).all()


READER = """
    import sys
    import ray
    from functionfuse.storage import storage_factory

    class Model:
        def __init__(self, weight):
            self.weight = weight

        def predict(self, x):
            return self.weight * x

    address, path = sys.argv[1:]
    options = {"path": path, "remoteArgs": {"resources": {"_disk": 0.001}}}
    try:
        storage_factory({"kind": "ray", "options": options}).list_tasks("w", "*")
    except RuntimeError as error:
        print("rayInitArgs" in str(error), ray.is_initialized())
    options["rayInitArgs"] = {"address": address, "logging_level": "ERROR", "log_to_driver": False}
    storage = storage_factory({"kind": "ray", "options": options})
    print(storage.list_tasks("w", "*"), storage.read_task("w", "task"))
    storage.save("w", "model", Model(2))
    assert type(storage.read_task("w", "model")) is Model
    """


def test_another_process_reads_with_ray_init_args(ray, storage, place, tmp_path):
    """Without them, and without Ray, it is told what to do; Ray is not started."""
    storage.save("w", "task", [1, 2])
    address = ray.get_runtime_context().gcs_address
    output = ray_apart.run_script(tmp_path, READER, address, place)
    assert output.splitlines() == ["True False", "['task'] [1, 2]"]
    assert storage.list_tasks("w", "*") == ["model", "task"]


class Peak:
    """Watches how much memory this process, its children, and Ray's object store take."""

    def __enter__(self):
        self._before = self._used()
        self._most = self._before
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exc_info):
        self._end.set()
        self._thread.join()

    @property
    def growth(self):
        return self._most - self._before

    def _watch(self):
        while not self._end.wait(0.02):
            self._most = max(self._most, self._used())

    def _used(self):
        used = psutil.virtual_memory()
        return used.total - used.available
