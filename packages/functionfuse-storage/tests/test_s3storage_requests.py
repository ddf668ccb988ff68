"""How many requests S3FileStorage makes, in how many parts, and what of a write counts."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.testing import require

PART_BYTES = require("functionfuse.storage.s3storage._client").PART_BYTES


@workflow
def number(i):
    return i


@workflow
def total(numbers):
    return sum(numbers)


def test_a_second_run_lists_and_loads_the_leaf_only(s3_again, requests_of):
    def build():
        leaf = total([number(i).set_name(f"n{i}") for i in range(999)]).set_name("total")
        w = LocalWorkflow(leaf, workflow_name="w")
        storage = s3_again()
        requests = requests_of(storage)
        w.set_storage(storage)
        return w, requests

    first, requests = build()
    assert first.run() == 499 * 999
    # Each result; probe, listing, no index, index, record of the run, records there are.
    assert len(requests) == 1000 + 6
    second, requests = build()
    assert second.run() == 499 * 999
    assert requests == ["GET .functionfuse/w/index", "LIST", "GET w/total"]


def test_a_listing_takes_a_request_for_each_thousand(s3_storage, s3_again, requests_of):
    with ThreadPoolExecutor(16) as executor:
        names = [f"n{i:04}" for i in range(1001)]
        list(executor.map(lambda name: s3_storage.save("w", name, name), names))
    other = s3_again()
    requests = requests_of(other)
    assert other.list_tasks("w", "*") == names
    assert requests == ["LIST", "LIST"]
    assert set(other.list_saved("w").saved) == set(names)
    assert len(requests) == 4 + 1 + 1001  # Without an index the headers are read.
    del requests[:]
    other.remove_workflow("w")
    assert requests == ["LIST", "LIST", "POST ", "POST ", "LIST"]
    assert s3_storage.list_tasks("w", "*") == []


def test_a_small_result_is_one_request_to_save_and_one_to_read(s3_storage, requests_of):
    requests = requests_of(s3_storage)
    saved = s3_storage.save("w", "task", [1])
    assert s3_storage.read_task("w", "task") == [1]
    assert requests == ["PUT w/task", "GET w/task"]
    assert s3_storage.list_saved("w").saved == {"task": saved}


def test_a_large_result_goes_in_parts_both_ways(s3_storage, requests_of):
    array = np.random.default_rng(0).random(120_000_000 // 8)
    parts = -(-array.nbytes // PART_BYTES)
    requests = requests_of(s3_storage)
    saved = s3_storage.save("w", "large", array)
    assert requests.count("PUT w/large") == parts
    assert requests.count("POST w/large") == 2
    del requests[:]
    read = s3_storage.read_task("w", "large")
    assert requests == ["GET w/large"] * parts
    assert np.array_equal(read, array)
    read[0] = 7
    assert s3_storage.list_saved("w").saved == {"large": saved}


@pytest.mark.parametrize("nbytes", [PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES])
def test_objects_of_just_about_whole_parts_are_whole(s3_storage, nbytes):
    data = os.urandom(nbytes)
    stamp = s3_storage._keeper.write("w/x", lambda write_all: write_all(data))
    assert stamp.nbytes == nbytes
    assert s3_storage._keeper.list("w") == {"x": stamp}
    assert s3_storage._keeper.read("w/x") == data


def test_a_write_that_fails_half_way_leaves_the_old_result(s3_storage, bucket, s3_client):
    saved = s3_storage.save("w", "task", "old")

    def fail(write_all):
        for _ in range(4):
            write_all(bytes(PART_BYTES))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        s3_storage._keeper.write("w/task", fail)
    assert s3_storage.list_saved("w").saved == {"task": saved}
    assert s3_storage.read_task("w", "task") == "old"
    assert s3_client.list_multipart_uploads(bucket) == []


def test_a_writer_that_dies_half_way_leaves_the_old_result(s3_storage, bucket, s3_client):
    saved = s3_storage.save("w", "task", "old")
    script = """
        import os, pickle, sys, time
        storage = pickle.loads(bytes.fromhex(sys.argv[1]))

        def write(write_all):
            for _ in range(10):
                write_all(bytes(16 << 20))
            os._exit(3)

        storage._keeper.write("w/task", write)
    """
    handle = pickle.dumps(s3_storage).hex()
    command = [sys.executable, "-c", textwrap.dedent(script), handle]
    assert subprocess.run(command, check=False).returncode == 3
    assert s3_storage.list_saved("w").saved == {"task": saved}
    assert s3_storage.read_task("w", "task") == "old"
    assert len(s3_client.list_multipart_uploads(bucket)) == 1


def test_who_reads_while_it_is_replaced_finds_one_whole_result(s3_storage, s3_again):
    values = [bytes([i]) * (3 * PART_BYTES) for i in range(2)]
    s3_storage.save("w", "task", values[0])
    is_done = threading.Event()

    def replace():
        other, i = s3_again(), 0
        while not is_done.is_set():
            i = 1 - i
            other.save("w", "task", values[i])

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        assert all(s3_storage.read_task("w", "task") in values for _ in range(5))
    finally:
        is_done.set()
        thread.join()
