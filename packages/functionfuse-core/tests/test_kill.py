"""Killed at any moment, a run leaves a storage that is good for the next run.

A child runs a workflow that saves results of several megabytes. It is killed (SIGKILL)
at a random moment; then the parent runs the same workflow, and every result must be right
and whole. Children are forked, so that hundreds of kills take seconds.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import time

import numpy as np
import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.storage.filestorage import FileStorage

KILLS = 300
SIZE = 300_000
STEPS = 3

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="only forked children start fast enough"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning"),
]


@workflow
def fill(number, before=0.0):
    """Return an array whose every item depends on all earlier nodes."""
    return np.full(SIZE, number + np.max(before))


def make_workflow(storage, kind):
    """fill ─► fill ─► fill: each saves 2.4 MB."""
    node = fill(kind).set_name("0")
    for step in range(1, STEPS):
        node = fill(kind, node).set_name(str(step))
    w = LocalWorkflow(node, workflow_name="killed")
    w.set_storage(storage)
    return w


def expected(kind):
    return {str(step): kind * (step + 1.0) for step in range(STEPS)}


def start_child(storage, reuse):
    """Start a process that runs workflows until it is killed; return when it has begun."""
    ready, begun = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(ready)
            os.write(begun, b"!")
            for _ in range(1000):
                make_workflow(storage, 1).run(reuse=reuse)
        finally:
            os._exit(1)
    os.close(begun)
    os.read(ready, 1)
    os.close(ready)
    return pid


def kill(pid):
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), f"the child ended by itself, with status {status}"


def check(storage):
    """Every result that is there is whole and right."""
    listing = storage.list_saved("killed")
    assert listing.damaged == {}
    for name in storage.list_tasks("killed", "*"):
        values = storage.read_task("killed", name)
        assert values.shape == (SIZE,)
        assert (values.min(), values.max()) == (expected(1)[name],) * 2
    return set(listing.saved)


@pytest.mark.parametrize("reuse", ["never", "saved"])
def test_a_run_that_was_killed_leaves_right_results(tmp_path, reuse):
    """With "never", whole results are replaced over and over; with "saved", new ones come."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    gc.collect()
    storage = FileStorage(tmp_path)
    began = time.perf_counter()
    make_workflow(storage, 1).run()
    duration = 2 * (time.perf_counter() - began)
    found = []
    for number in range(KILLS // 2):
        if reuse == "saved":
            storage.remove_workflow("killed")
        pid = start_child(storage, reuse)
        time.sleep(moments.uniform(0, duration))
        kill(pid)
        there = check(storage)
        found.append(len(there))
        w = make_workflow(storage, 1)
        assert (w.run() == expected(1)[str(STEPS - 1)]).all(), number
        assert w.last_run.counts()["executed"] == STEPS - len(there)
        assert check(storage) == set(expected(1))
    left = list((tmp_path / ".functionfuse" / "tmp").iterdir())
    print(f"{len(left)} of {KILLS // 2} kills left a half-written file", file=sys.stderr)
    assert len(left) > KILLS / 100, "hardly any kill struck while a result was written"
    assert reuse == "never" or len(set(found)) > 2, "all kills struck at the same moment"


def test_what_a_killed_run_left_is_removed_in_time(tmp_path):
    storage = FileStorage(tmp_path)
    storage.new_workflow("killed")
    half = tmp_path / ".functionfuse" / "tmp" / "half"
    half.write_bytes(b"half")
    long_ago = time.time() - 1e6
    os.utime(half, (long_ago, long_ago))
    make_workflow(storage, 1).run()
    assert list(half.parent.iterdir()) == []
