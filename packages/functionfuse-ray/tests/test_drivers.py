"""Drivers that are killed, and drivers that share a cluster and a storage."""

from __future__ import annotations

import time

import pytest

import ray_apart
from functionfuse.backends.builtin.rayback import RayWorkflow
from functionfuse.storage.rayfilestorage import FileStorage
from functionfuse.testing.functions import token

NAME = "drivers"
COUNT = 100
PATIENCE_S = 90.0

DRIVER = """
    import sys
    import ray
    from functionfuse.backends.builtin.rayback import RayWorkflow
    from functionfuse.storage.rayfilestorage import FileStorage
    from functionfuse.testing.functions import token

    address, path, workflow_name, count = sys.argv[1:]
    ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    nodes = [token().set_name(f"t{i}") for i in range(int(count))]
    w = RayWorkflow(*nodes, workflow_name=workflow_name)
    w.set_storage(FileStorage({"path": path, "remoteArgs": {"resources": {"_disk": 0.001}}}))
    print("ready", flush=True)
    w.run()
    """


@pytest.fixture
def storage(tmp_path):
    return FileStorage(
        {"path": str(tmp_path / "results"), "remoteArgs": {"resources": {"_disk": 0.001}}}
    )


def wait_until(is_true, driver):
    end = time.monotonic() + PATIENCE_S
    while not is_true():
        if time.monotonic() > end or driver.poll() is not None:
            pytest.fail(stop(driver))
        time.sleep(0.05)


def stop(driver):
    """End a driver; return what it said."""
    driver.kill()
    return driver.communicate()[1]


@pytest.fixture
def start_driver(machines, tmp_path):
    """Start another driver on the cluster, which runs many nodes; return its process."""
    drivers = []

    def start(workflow_name):
        path = tmp_path / "results"
        args = (machines.address, path, workflow_name, COUNT)
        drivers.append(ray_apart.start_script(tmp_path, DRIVER, *args))
        assert drivers[-1].stdout.readline() == "ready\n"
        return drivers[-1]

    yield start
    for driver in drivers:
        stop(driver)


def make_same(storage, workflow_name):
    """Make the workflow that the other driver runs."""
    w = RayWorkflow(*(token().set_name(f"t{i}") for i in range(COUNT)), workflow_name=workflow_name)
    w.set_storage(storage)
    return w


@pytest.mark.parametrize("saved", [0, 20])
def test_nothing_is_lost_when_the_driver_is_killed(join, start_driver, storage, tmp_path, saved):
    """It is killed (SIGKILL) after so many results were saved."""
    join("_disk")
    driver = start_driver(NAME)
    folder = tmp_path / "results" / NAME
    wait_until(
        lambda: not saved or (folder.exists() and len(list(folder.iterdir())) >= saved), driver
    )
    driver.kill()
    driver.wait()
    before = {name: storage.read_task(NAME, name) for name in storage.list_tasks(NAME, "*")}
    assert saved <= len(before) < COUNT
    w = make_same(storage, NAME)
    results = w.run(return_results=True)
    after = {name: storage.read_task(NAME, name) for name in storage.list_tasks(NAME, "*")}
    assert results == [after[f"t{i}"] for i in range(COUNT)]
    assert {name: after[name] for name in before} == before
    assert w.last_run.counts()["executed"] <= COUNT - len(before)


def test_two_drivers_share_a_cluster_and_a_storage(join, start_driver, storage):
    """They run one workflow and one each, at the same time."""
    join("_disk")
    driver = start_driver("shared")
    own, shared = make_same(storage, "own"), make_same(storage, "shared")
    results = own.run(return_results=True)
    assert len(set(shared.run(return_results=True))) == COUNT
    _, errors = driver.communicate(timeout=PATIENCE_S)
    assert driver.returncode == 0, errors
    assert results == [storage.read_task("own", f"t{i}") for i in range(COUNT)]
    listing = storage.list_saved("shared")
    assert (len(listing.saved), listing.damaged) == (COUNT, {})
