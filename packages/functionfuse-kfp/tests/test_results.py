"""Finding results in the storage, and where a cluster keeps artifacts."""

from __future__ import annotations

import pytest

from functionfuse.backends.addons.kfpback._results import Artifact, Given, ResultReader
from functionfuse.errors import DamagedResultError
from functionfuse.storage.filestorage import FileStorage
from functionfuse.storage.format import Header, encode, write
from functionfuse.testing import require

require("fsspec")


def made(pipeline, *given, storage=None):
    return ResultReader(storage, "w", pipeline, given)


def put(root, place, value):
    path = root / place
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write(encode(value, Header("node")), file.write)
    return path


def test_the_artifact_is_that_of_the_task_whatever_else_is_called_so(tmp_path):
    """The pipeline, the folder and another task's output bear the name, too."""
    root = tmp_path / "mean"
    for place, value in {
        "mean/run-1/mean/salt/result": {"a": [1, 2]},
        "mean/run-1/throw/salt/result": "another task",
        "mean/run-1/throw/mean/result": "a salt that is called so",
        "mean/run-2/mean/salt/result": "another run",
    }.items():
        put(root, place, value)
    reader = made("mean", Given("n", ("a", 1), Artifact("mean", "result")))
    assert reader.read("run-1", str(root), {}) == [2]
    with pytest.raises(FileNotFoundError, match="no artifact 'result' of task 'mean'"):
        reader.read("run-3", str(root), {})


def test_a_damaged_artifact_is_told(tmp_path):
    path = put(tmp_path, "p/run/task/result", "x" * 100)
    path.write_bytes(path.read_bytes()[:-1])
    reader = made("p", Given("n", (), Artifact("task", "result")))
    with pytest.raises(DamagedResultError):
        reader.read("run", str(tmp_path), {})


def test_what_is_saved_is_read_from_the_storage_and_log_nodes_from_their_artifacts(tmp_path):
    storage = FileStorage(tmp_path / "storage")
    storage.save("w", "saved", [1, 2])
    put(tmp_path, "p/run/log/result", 3)
    reader = made(
        "p", Given("saved", (1,), None), Given("n", (), Artifact("log", "result")), storage=storage
    )
    assert reader.unsaved == ["n"]
    assert reader.read("run", str(tmp_path), {}) == [2, 3]
    assert made("p", reader.given[0], storage=storage).read(None, None, {}) == [2]
