"""A Ray of the tests' own: quiet, small, and apart from any other on the machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import pytest

from functionfuse.testing import require

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AUTH_MODE": "disabled",
    "OMP_NUM_THREADS": "1",
}
QUIET = {"include_dashboard": False, "logging_level": "ERROR", "log_to_driver": False}
STORE_BYTES = 300 * 2**20
DUMP_PERIOD_MS = 500
SCRIPT_TIMEOUT_S = 120


@contextmanager
def settings() -> Iterator[None]:
    """Keep Ray's files and settings away from the user's, in this process and its children."""
    # Not pytest's folder: the paths of Ray's sockets must be short.
    with (
        tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in {**SETTINGS, "HOME": folder, "RAY_TMPDIR": folder}.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        yield


@contextmanager
def running(**init_args: Any) -> Iterator[Any]:
    """Run Ray in this process."""
    ray = require("ray")
    defaults = {"num_cpus": 2, "object_store_memory": STORE_BYTES, **QUIET}
    config = {"debug_dump_period_milliseconds": DUMP_PERIOD_MS}
    ray.init(**{**defaults, **init_args}, _system_config=config)
    try:
        yield ray
    finally:
        ray.shutdown()


class Machines:
    """A cluster of several raylets on this machine.

    Parameters
    ----------
    cluster
        A `ray.cluster_utils.Cluster`.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.address = cluster.address

    def add(self, resource: str) -> Any:
        """Have one join, with a CPU and a resource."""
        return self._cluster.add_node(
            num_cpus=1, resources={resource: 1}, object_store_memory=STORE_BYTES // 3
        )

    def remove(self, node: Any, *, graceful: bool = False) -> None:
        """Have one leave, or die."""
        self._cluster.remove_node(node, allow_graceful=graceful)


@contextmanager
def cluster() -> Iterator[Machines]:
    """Run a cluster, of one machine with two CPUs at first, and connect this process to it."""
    ray = require("ray")
    cluster = require("ray.cluster_utils").Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 2,
            "object_store_memory": STORE_BYTES // 3,
            "include_dashboard": False,
            "_system_config": {"health_check_period_ms": 500, "health_check_timeout_ms": 5000},
        },
    )
    try:
        ray.init(address=cluster.address, logging_level="ERROR", log_to_driver=False)
        yield Machines(cluster)
    finally:
        ray.shutdown()
        cluster.shutdown()


def spill_count() -> int:
    """Return how often Ray wrote to disk what did not fit into its object store."""
    node = require("ray")._private.worker.global_worker.node
    state = Path(node.get_logs_dir_path()) / "debug_state.txt"
    time.sleep(3 * DUMP_PERIOD_MS / 1000)
    found = re.search("cumulative spill requests: ([0-9]+)", state.read_text())
    assert found is not None
    return int(found[1])


def send_by_value(module: ModuleType) -> None:
    """Have the functions and classes of a test module go to workers, which can't import it."""
    for pickler in (cloudpickle, require("ray").cloudpickle):
        pickler.register_pickle_by_value(module)


def start_script(folder: Path, text: str, *args: Any, **variables: str) -> subprocess.Popen[str]:
    """Start a Python script in a process of its own, which may import this module."""
    script = folder / "script.py"
    script.write_text(textwrap.dedent(text))
    return subprocess.Popen(
        [sys.executable, str(script), *map(str, args)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_script(folder: Path, text: str, *args: Any, **variables: str) -> str:
    """Run a Python script; return what it printed."""
    process = start_script(folder, text, *args, **variables)
    try:
        output, errors = process.communicate(timeout=SCRIPT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail(f"the script hangs: {process.communicate()}")
    assert process.returncode == 0, output + errors
    return output
