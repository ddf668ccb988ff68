"""Kinds of storages and backends: built in, brought by others, missing, unknown."""

from __future__ import annotations

import importlib.util

import pytest

from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.registry import BACKENDS, STORAGES
from functionfuse.storage import storage_factory
from functionfuse.storage.filestorage import FileStorage


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a distribution with a storage and a backend, as pip would."""
    info = tmp_path / "thirdparty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thirdparty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{STORAGES.group}]\nshelf = thirdparty_storage:ShelfStorage\nfile = no.such.module:X\n"
        f"broken = no.such.module:X\n[{BACKENDS.group}]\nslow = thirdparty_storage:SlowWorkflow\n"
    )
    (tmp_path / "thirdparty_storage.py").write_text(
        "from functionfuse.storage.filestorage import FileStorage\n"
        "from functionfuse.backends.builtin.localback import LocalWorkflow\n"
        "class ShelfStorage(FileStorage):\n"
        "    def __init__(self, shelf, room='attic'):\n"
        "        super().__init__(f'{shelf}/{room}')\n"
        "class SlowWorkflow(LocalWorkflow):\n"
        "    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_file_storage_is_made(tmp_path):
    storage = storage_factory({"kind": "file", "options": {"path": tmp_path / "storage"}})
    assert type(storage) is FileStorage
    storage.save("w", "task", 1)
    assert (tmp_path / "storage" / "w" / "task").is_file()


def test_local_backend_is_found():
    assert BACKENDS.find("local") is LocalWorkflow


@pytest.mark.parametrize(
    ("description", "error", "message"),
    [
        (
            {"kind": "files"},
            ValueError,
            r"unknown storage kind 'files'; there are 'S3', 'file', 'ray'",
        ),
        ({"kind": "s3"}, ValueError, r"unknown storage kind 's3'; there are 'S3', 'file', 'ray'"),
        ({"kind": ""}, ValueError, "unknown storage kind ''"),
        ({"kind": ["file"]}, TypeError, r"text, got \['file'\]"),
        ({"kind": None}, TypeError, "text, got None"),
        ({}, ValueError, r"keys 'kind' and 'options', got \[\]; kinds are S3, file, ray"),
        ({"kind": "file", "path": "x"}, ValueError, r"got \['kind', 'path'\]"),
        ({"options": {"path": "x"}}, ValueError, r"got \['options'\]"),
        ({"kind": "file"}, ValueError, r"takes the options path; got none: missing .*'path'"),
        ({"kind": "file", "options": {"folder": "x"}}, ValueError, "takes the options path"),
        ({"kind": "file", "options": {"path": "x", "y": 1}}, ValueError, "unexpected .*'y'"),
        ({"kind": "file", "options": {"path": 3}}, TypeError, "folder, got 3"),
        ({"kind": "file", "options": "x"}, TypeError, "described by .*options of type str"),
        ("file", TypeError, r"described by \{\"kind\": .*got one of type str"),
        (None, TypeError, "got one of type NoneType"),
    ],
)
def test_a_wrong_description_is_an_error_that_says_what_is_allowed(description, error, message):
    with pytest.raises(error, match=message):
        storage_factory(description)


@pytest.mark.parametrize(
    "description",
    [
        "s3cr3t",
        {"kind": "file", "options": "s3cr3t"},
        {"kind": "file", "secret": "s3cr3t"},
        {"kind": "file", "options": {"path": "x", "secret": "s3cr3t"}},
    ],
    ids=repr,
)
def test_what_may_be_secret_is_not_in_the_message(description):
    with pytest.raises((TypeError, ValueError)) as caught:
        storage_factory(description)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("registry", "name", "needs"),
    [
        (STORAGES, "ray", 'functionfuse-storage: pip install "functionfuse-core[ray]"'),
        (STORAGES, "S3", 'functionfuse-storage: pip install "functionfuse-core[s3]"'),
        (BACKENDS, "ray", 'functionfuse-ray: pip install "functionfuse-core[ray]"'),
        (BACKENDS, "prefect", 'functionfuse-prefect: pip install "functionfuse-core[prefect]"'),
        (BACKENDS, "kfp", 'functionfuse-kfp: pip install "functionfuse-core[kfp]"'),
    ],
)
def test_a_missing_distribution_is_one_sentence(registry, name, needs):
    module = registry.builtins[name].path.partition(":")[0]
    if importlib.util.find_spec(module) is not None:
        pytest.skip("it is installed here")
    with pytest.raises(ImportError) as caught:
        registry.find(name)
    assert str(caught.value) == f"{registry.what} {name!r} needs {needs}"


def test_others_bring_storages_and_backends(installed):
    storage = storage_factory({"kind": "shelf", "options": {"shelf": str(installed)}})
    storage.save("w", "task", 1)
    assert (installed / "attic" / "w" / "task").is_file()
    assert BACKENDS.find("slow").__name__ == "SlowWorkflow"
    assert STORAGES.names() == ["S3", "broken", "file", "ray", "shelf"]


def test_the_options_of_others_are_checked(installed):
    with pytest.raises(ValueError, match="ShelfStorage takes the options shelf, room"):
        storage_factory({"kind": "shelf", "options": {"path": "x"}})


def test_others_never_replace_what_is_built_in(installed):
    assert STORAGES.find("file") is FileStorage


def test_an_unknown_kind_names_those_of_others(installed):
    with pytest.raises(ValueError, match="'S3', 'broken', 'file', 'ray', 'shelf'"):
        storage_factory({"kind": "unknown"})


def test_a_broken_distribution_says_what_it_lacks(installed):
    with pytest.raises(ImportError, match="no"):
        storage_factory({"kind": "broken"})
