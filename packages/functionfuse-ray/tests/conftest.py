"""Ray for the tests: one for each module, since a process runs one at a time."""

from __future__ import annotations

import contextlib

import pytest

import ray_apart


@pytest.fixture(scope="session", autouse=True)
def _ray_settings():
    with ray_apart.settings():
        yield


@pytest.fixture(scope="module", autouse=True)
def _functions_travel(request):
    """Have the functions of a test module go to workers whole: they can't import it."""
    ray_apart.send_by_value(request.module)


@pytest.fixture(scope="module")
def ray():
    """Return Ray, running on this machine with a `_disk` and a `_model`."""
    with ray_apart.running(resources={"_disk": 1, "_model": 1}) as ray:
        yield ray


@pytest.fixture(scope="module")
def machines():
    with ray_apart.cluster() as machines:
        yield machines


@pytest.fixture
def join(machines):
    """Have machines join; those that are still there leave at the end."""
    nodes = []

    def join(resource):
        nodes.append(machines.add(resource))
        return nodes[-1]

    yield join
    for node in nodes:
        with contextlib.suppress(Exception):  # It is gone.
            machines.remove(node, graceful=True)
