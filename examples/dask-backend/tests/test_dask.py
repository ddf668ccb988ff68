"""What only Dask does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from distributed import KilledWorker

from functionfuse import workflow
from functionfuse.errors import GraphError, notes
from functionfuse.registry import BACKENDS
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing.functions import Account, CustomError, add, fail, keep
from functionfuse_dask import DaskWorkflow


@workflow
def where(*parents):
    return os.getpid()


@workflow
def make_lock():
    return threading.Lock()


@workflow
def is_lock(lock):
    return type(lock).__name__


@workflow
def die():
    os._exit(1)


@workflow
def sleep_in(path, seconds):
    path.touch()
    time.sleep(seconds)
    return seconds


def run(client, *nodes, storage=None, **options):
    w = DaskWorkflow(*nodes, workflow_name="w", client=client)
    if storage is not None:
        w.set_storage(storage)
    return w, w.run(**options)


def test_nodes_run_on_the_workers(client):
    _, pids = run(client, where(), where(where()))
    assert os.getpid() not in pids


def test_results_stay_on_the_workers(client):
    """A lock can't travel: make_lock ─► is_lock, on one worker."""
    _, name = run(client, is_lock(make_lock()))
    assert name == "lock"


def test_a_given_result_that_cannot_travel_is_told(client):
    with pytest.raises(TypeError, match="lock") as caught:
        run(client, make_lock())
    assert any("sent to this process" in note for note in notes(caught.value))


def test_nothing_is_left_on_the_workers(client):
    run(client, add(keep(1), keep(2)))
    deadline = time.monotonic() + 10
    while left := client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks)):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def test_what_waits_after_a_failure_is_cancelled(client, tmp_path):
    """Of more sleepers than workers, those that no worker has when the failure is known."""
    paths = [tmp_path / str(i) for i in range(20)]
    with pytest.raises(CustomError):
        run(client, fail().set_name("broken"), *(sleep_in(path, 0.1) for path in paths))
    time.sleep(1)
    assert sum(path.exists() for path in paths) < 10


def test_a_node_that_kills_its_workers_is_named(client):
    with pytest.raises(KilledWorker) as caught:
        run(client, keep(die().set_name("deadly")).set_name("below"))
    assert any("'deadly'" in note for note in notes(caught.value))


def test_continue_raises_the_first_failure_after_the_rest(client, tmp_path):
    storage = FileStorage(tmp_path)
    sound = keep(1).set_name("sound")
    with pytest.raises(CustomError):
        run(client, keep(fail()), sound, storage=storage, on_error="continue")
    assert storage.list_tasks("w", "*") == ["sound"]


def test_stateful_nodes_are_refused(client):
    with pytest.raises(GraphError, match="stateful"):
        DaskWorkflow(Account(1).deposit(1), workflow_name="w", client=client)


def test_the_address_of_a_scheduler_is_enough(client):
    _, result = run(client.scheduler.address, keep(1))
    assert result == 1


def test_it_is_found_by_its_entry_point():
    assert "dask" in BACKENDS.names()
    assert BACKENDS.find("dask") is DaskWorkflow


def test_the_command_line_runs_it(tmp_path):
    steps = tmp_path / "steps.py"
    steps.write_text(
        "from functionfuse import workflow\n\n\n@workflow\ndef double(x):\n    return 2 * x\n\n\n"
        "four = double(2)\n"
    )
    command = [Path(sys.executable).with_name("functionfuse"), "run", f"{steps}:four"]
    done = subprocess.run(
        [*command, "--backend", "dask"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "4\n"), done.stderr
