"""S3FileStorage: the conformance suites, and what is special to objects in S3."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.errors import DamagedResultError
from functionfuse.serializers import FILE_PROTOCOL, S3_PROTOCOL
from functionfuse.storage import storage_factory
from functionfuse.testing import Backend, BackendTests, StorageTests, require

require("functionfuse.storage.s3storage")


@workflow
def number(i):
    return i


@workflow
def total(numbers):
    return sum(numbers)


class TestS3FileStorage(StorageTests):
    @pytest.fixture
    def storage(self, s3_storage):
        return s3_storage


class TestS3FileStorageOfAWholeBucket(StorageTests):
    @pytest.fixture
    def storage(self, bucket, s3_options):
        options = {"path": bucket, "s3fs": s3_options}
        return storage_factory({"kind": "S3", "options": options})


class TestLocalWorkflowWithS3(BackendTests):
    @pytest.fixture
    def backend(self):
        return Backend(LocalWorkflow)

    @pytest.fixture
    def storage(self, s3_storage):
        return s3_storage


def test_two_handles_see_what_the_other_did_at_once(s3_storage, s3_again):
    other = s3_again()
    assert s3_storage.list_tasks("w", "*") == other.list_tasks("w", "*") == []
    s3_storage.save("w", "task", 1)
    assert other.list_tasks("w", "*") == ["task"]
    other.save("w", "task", 2)
    assert s3_storage.read_task("w", "task") == 2
    other.remove_task("w", "task")
    assert not s3_storage.file_exists("w", "task")
    assert s3_storage.list_tasks("w", "*") == []


def test_many_threads_use_one_handle(s3_again):
    storage = s3_again()  # Which no thread has used: all find it closed.

    def work(i):
        storage.save("w", f"task {i}", i)
        assert storage.read_task("w", f"task {i}") == i
        storage.remove_task("w", f"task {i}")
        return storage.file_exists("w", f"task {i}")

    with ThreadPoolExecutor(32) as executor:
        assert not any(executor.map(work, range(100)))


@pytest.mark.parametrize("damage", ["cut", "changed", "foreign", "empty"])
def test_a_damaged_object_is_never_returned(s3_storage, s3_client, bucket, damage):
    s3_storage.save("w", "task", b"x" * 10_000)
    path = f"{bucket}/results/w/task"
    data = bytearray(s3_client.cat_file(path))
    data[5000] ^= 1
    wrong = {"cut": data[:6000], "changed": data, "foreign": b"foreign", "empty": b""}
    s3_client.pipe_file(path, bytes(wrong[damage]))
    with pytest.raises(DamagedResultError, match="w/task"):
        s3_storage.read_task("w", "task")
    assert s3_storage.list_tasks("w", "*") == ["task"]
    assert len(s3_storage.list_saved("w").damaged) == (damage in ("foreign", "empty"))


def test_objects_below_a_workflow_are_no_results(s3_storage, s3_client, bucket):
    s3_storage.save("w", "task", 1)
    for name in ("w/", "w/folder/task", "www"):
        s3_client.call_s3("put_object", Bucket=bucket, Key=f"results/{name}", Body=b"")
    assert s3_storage.list_tasks("w", "*") == ["task"]
    assert s3_storage.list_tasks("ww", "*") == []


def read_and_save(storage):
    storage.save("w", "by the other", os.getpid())
    return storage.read_task("w", "task"), storage.list_tasks("w", "*")


def test_a_handle_that_was_used_goes_to_a_new_process(s3_storage):
    s3_storage.save("w", "task", 1)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        found = executor.submit(read_and_save, s3_storage).result()
    assert found == (1, ["by the other", "task"])
    assert s3_storage.read_task("w", "by the other") != os.getpid()
    assert len(pickle.dumps(s3_storage)) < 1000


def test_a_handle_that_was_used_works_in_a_fork(s3_storage):
    s3_storage.save("w", "task", 1)
    script = """
        import os, pickle, sys
        storage = pickle.loads(bytes.fromhex(sys.argv[1]))
        assert storage.read_task("w", "task") == 1
        child = os.fork()
        if child == 0:
            os._exit(5 if storage.read_task("w", "task") == 1 else 6)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), pickle.dumps(s3_storage).hex()]
    assert subprocess.run(command, check=False, timeout=60).returncode == 5


def test_a_workflow_runs_in_processes(s3_storage):
    leaf = total([number(i).set_name(f"n{i}") for i in range(4)]).set_name("total")
    w = LocalWorkflow(leaf, workflow_name="w")
    w.set_storage(s3_storage)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        w.set_executor(executor)
        assert w.run() == 6
    assert s3_storage.list_saved("w").is_indexed
    assert len(s3_storage.list_tasks("w", "*")) == 5


class Text(str):
    __slots__ = ()


class TextSerializer:
    name = "text"
    serializer_class = Text

    @classmethod
    def pickle(cls, obj, protocols):
        assert FILE_PROTOCOL not in protocols
        protocol = protocols[S3_PROTOCOL]
        protocol["client"].pipe_file(f"{protocol['folder']}/text", obj.encode())
        return cls.name, "text"

    @classmethod
    def unpickle(cls, pid, protocols):
        protocol = protocols[S3_PROTOCOL]
        return Text(protocol["client"].cat_file(f"{protocol['folder']}/{pid}").decode())

    @classmethod
    def remove(cls, pid, protocols):
        protocol = protocols[S3_PROTOCOL]
        protocol["client"].rm_file(f"{protocol['folder']}/{pid}")


def test_serializers_get_a_client_and_a_folder(s3_storage, s3_client, bucket):
    s3_storage.register_persistent_serializers(TextSerializer)
    s3_storage.save("w", "task", [Text("words")])
    path = f"{bucket}/results/.functionfuse/w/files/text"
    assert s3_client.cat_file(path) == b"words"
    assert s3_storage.read_task("w", "task") == [Text("words")]
    s3_storage.remove_task("w", "task")
    assert not s3_client.exists(path)


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        ({}, False),
        ({"endpoint_url": "http://127.0.0.1:1", "anon": False}, False),
        ({"key": None, "secret": None}, False),
        ({"key": "k", "secret": "s"}, True),
        ({"token": "t"}, True),
        ({"client_kwargs": {"aws_secret_access_key": "s"}}, True),
        ({"client_kwargs": {"region_name": "r"}}, False),
    ],
)
def test_a_handle_knows_whether_credentials_are_in_it(options, holds):
    storage = storage_factory({"kind": "S3", "options": {"path": "bucket", "s3fs": options}})
    assert storage.holds_secrets is holds
    assert pickle.loads(pickle.dumps(storage)).holds_secrets is holds
