"""Serializers: objects that are written in a way of their own, beside their results."""

from __future__ import annotations

import multiprocessing
import threading
import uuid
import zlib
from array import array
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.errors import DamagedResultError, MissingSerializerError
from functionfuse.serializers import FILE_PROTOCOL, S3_PROTOCOL
from functionfuse.storage.filestorage import FileStorage


class Samples:
    """What the serializer below writes."""

    def __init__(self, *numbers):
        self.numbers = array("d", numbers)

    def __eq__(self, other):
        return self.numbers == other.numbers

    __hash__ = None


class SubSamples(Samples):
    """Not what it writes: a subclass."""


class SamplesSerializer:
    name = "samples"
    serializer_class = Samples

    @classmethod
    def pickle(cls, obj, protocols):
        filename = uuid.uuid4().hex
        with protocols[FILE_PROTOCOL].open(filename, "wb") as file:
            obj.numbers.tofile(file)
        return cls.name, ("1.0", filename, len(obj.numbers))

    @classmethod
    def unpickle(cls, pid, protocols):
        _, filename, count = pid
        samples = Samples()
        with protocols[FILE_PROTOCOL].open(filename) as file:
            samples.numbers.fromfile(file, count)
        return samples

    @classmethod
    def remove(cls, pid, protocols):
        protocols[FILE_PROTOCOL].remove(pid[1])


class PathSerializer(SamplesSerializer):
    """Writes by the file's path, as libraries do that open files by themselves."""

    @classmethod
    def pickle(cls, obj, protocols):
        filename = uuid.uuid4().hex
        with Path(protocols[FILE_PROTOCOL].path(filename)).open("wb") as file:
            obj.numbers.tofile(file)
        return cls.name, ("1.0", filename, len(obj.numbers))


@workflow
def make_samples(*numbers):
    return {"samples": Samples(*numbers), "count": len(numbers)}


@workflow
def total(samples):
    return sum(samples.numbers)


@pytest.fixture
def storage(tmp_path):
    storage = FileStorage(tmp_path)
    storage.register_persistent_serializers(SamplesSerializer)
    return storage


@pytest.fixture
def files(tmp_path):
    """The files that serializers made for results of workflow 'w'."""
    folder = tmp_path / ".functionfuse" / "w" / "files"
    return lambda: sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("serializer", [SamplesSerializer, PathSerializer])
def test_objects_are_written_and_read_by_their_serializer(storage, files, serializer):
    storage.register_persistent_serializers(serializer)
    value = [Samples(1, 2), {"deep": Samples(3)}, "plain"]
    storage.save("w", "task", value)
    assert len(files()) == 2
    assert storage.read_task("w", "task") == value
    assert storage.list_tasks("w", "*") == ["task"]


def test_files_are_listed_with_their_checksums_in_the_header(storage, files):
    storage.save("w", "task", Samples(1, 2, 3))
    header = storage.read_header("w", "task")
    ((name, nbytes, checksum),) = header.files
    assert (name, nbytes) == (files()[0].name, 24)
    assert checksum > 0
    assert header.persistent == [["samples", f"('1.0', '{name}', 3)"]]


def test_subclasses_are_pickled_as_usual(storage, files):
    storage.save("w", "task", SubSamples(1))
    assert files() == []
    assert storage.read_task("w", "task") == Samples(1)


def test_results_without_such_objects_need_no_serializer(storage, tmp_path):
    storage.save("w", "task", [1])
    assert FileStorage(tmp_path).read_task("w", "task") == [1]


def test_a_serializer_that_is_not_registered_is_named(storage, tmp_path):
    storage.save("w", "task", Samples(1))
    with pytest.raises(MissingSerializerError, match=r"'samples'.*register_persistent"):
        FileStorage(tmp_path).read_task("w", "task")


@pytest.mark.parametrize("registered", [True, False])
def test_files_are_removed_with_their_result(storage, tmp_path, files, registered):
    storage.save("w", "task", Samples(1))
    storage.save("w", "other", Samples(2))
    (storage if registered else FileStorage(tmp_path)).remove_task("w", "task")
    assert len(files()) == 1
    assert storage.read_task("w", "other") == Samples(2)
    storage.remove_workflow("w")
    assert files() == []


def test_files_are_removed_when_their_result_is_replaced(storage, files):
    storage.save("w", "task", Samples(1))
    storage.save("w", "task", [Samples(2), Samples(3)])
    assert len(files()) == 2
    storage.save("w", "task", None)
    assert files() == []


def test_what_cannot_be_pickled_leaves_no_file_and_the_earlier_result(storage, files):
    storage.save("w", "task", Samples(1))
    with pytest.raises(TypeError, match="lock"):
        storage.save("w", "task", [Samples(2), threading.Lock()])
    assert len(files()) == 1
    assert storage.read_task("w", "task") == Samples(1)


def test_a_serializer_that_fails_leaves_no_file(storage, files):
    class Failing(SamplesSerializer):
        @classmethod
        def pickle(cls, obj, protocols):
            super().pickle(obj, protocols)
            raise LookupError

    storage.register_persistent_serializers(Failing)
    with pytest.raises(LookupError):
        storage.save("w", "task", Samples(2))
    assert files() == []


@pytest.mark.parametrize("damage", [b"", b"x" * 16, None], ids=["cut", "changed", "gone"])
def test_a_damaged_file_damages_the_result(storage, files, damage):
    storage.save("w", "task", Samples(1, 2))
    (path,) = files()
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.raises(DamagedResultError, match=path.name):
        storage.read_task("w", "task")


def test_a_run_computes_again_what_is_damaged(storage, files):
    def build():
        samples = make_samples(1, 2, 3).set_name("samples")
        w = LocalWorkflow(total(samples["samples"]).set_name("total"), workflow_name="w")
        w.set_storage(storage)
        return w

    assert build().run() == 6
    storage.remove_task("w", "total")
    (path,) = files()
    path.write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="'samples'"):
        assert build().run() == 6
    assert len(files()) == 1


def test_serializers_go_to_other_processes(storage, files):
    node = make_samples(1, 2).set_name("samples")
    w = LocalWorkflow(node["samples"], workflow_name="w")
    w.set_storage(storage)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        w.set_executor(executor)
        assert w.run() == Samples(1, 2)
    assert len(files()) == 1
    assert w.run() == Samples(1, 2)
    assert w.last_run["samples"].state == "loaded"


@pytest.mark.parametrize("pid", ["no tuple", ("other name", 1), ("samples", object())], ids=repr)
def test_a_wrong_persistent_id_is_refused(storage, pid):
    class Wrong(SamplesSerializer):
        @classmethod
        def pickle(cls, obj, protocols):
            return pid

    storage.register_persistent_serializers(Wrong)
    with pytest.raises(TypeError, match=r"'samples'.*literals"):
        storage.save("w", "task", Samples(1))


def test_what_is_no_serializer_is_refused(storage):
    with pytest.raises(TypeError, match="lacks name, serializer_class"):
        storage.register_persistent_serializers(Samples)


@pytest.mark.parametrize("filename", ["", ".", "..", "a/b", "../a"])
def test_files_have_names_without_folders(tmp_path, filename):
    protocol = FileStorage(tmp_path)._keeper.protocols("w")[FILE_PROTOCOL]
    with pytest.raises(ValueError, match="without folders"):
        protocol.open(filename, "wb")


def test_a_file_of_another_result_is_not_overwritten(tmp_path):
    keeper = FileStorage(tmp_path)._keeper
    first, second = (keeper.protocols("w")[FILE_PROTOCOL] for _ in range(2))
    first.open("data", "wb").close()
    first.open("data", "ab").close()
    with pytest.raises(FileExistsError):
        second.open("data", "wb")


def test_protocols_have_keys_of_their_own():
    assert FILE_PROTOCOL != S3_PROTOCOL


@pytest.fixture
def file_protocol(tmp_path):
    """The protocol, of which a serializer made the folder 'data' with three files."""
    protocol = FileStorage(tmp_path)._keeper.protocols("w")[FILE_PROTOCOL]
    folder = Path(protocol.path("data"))
    (folder / "deep").mkdir(parents=True)
    (folder / "b").write_bytes(b"12")
    (folder / "a").write_bytes(b"")
    (folder / "deep" / "c").write_bytes(b"345")
    return protocol


def test_a_folder_has_the_size_of_its_files_and_the_checksum_of_their_list(file_protocol):
    listed = zlib.crc32(b"a\x000\nb\x002\ndeep/c\x003\n")
    assert file_protocol.checksum("data") == (5, listed)
    assert file_protocol.nbytes("data") == 5
    assert list(file_protocol.made) == ["data"]


@pytest.mark.parametrize("damage", ["gone", "cut", "more"])
def test_a_folder_whose_files_changed_has_another_checksum(file_protocol, damage):
    before = file_protocol.checksum("data")
    folder = Path(file_protocol.path("data"))
    if damage == "gone":
        (folder / "a").unlink()
    elif damage == "cut":
        (folder / "deep" / "c").write_bytes(b"34")
    else:
        (folder / "deep" / "d").write_bytes(b"")
    assert file_protocol.checksum("data") != before


def test_a_folder_is_removed_with_all_in_it(file_protocol):
    path = Path(file_protocol.path("data"))
    file_protocol.remove("data")
    assert not path.exists()
    file_protocol.remove("data")
    with pytest.raises(FileNotFoundError):
        file_protocol.checksum("data")
    with pytest.raises(FileNotFoundError):
        file_protocol.nbytes("data")
