"""What a run means, on Ray."""

from __future__ import annotations

import shutil

import pytest

import s3_apart
from functionfuse.backends.builtin.rayback import RayWorkflow
from functionfuse.storage import storage_factory
from functionfuse.testing import Backend, BackendTests
from functionfuse.testing.reuse_tests import ReuseTests
from functionfuse.testing.stateful_tests import StatefulTests


class RayBackend(Backend):
    def run(self, workflow, **options):
        return workflow.run(return_results=True, **options)


@pytest.fixture
def backend(ray):
    return RayBackend(RayWorkflow, shares_memory=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return the one folder of all tests: for each other, Ray would start a process."""
    return tmp_path_factory.mktemp("place") / "results"


class TestRayWithFileStorage(BackendTests):
    @pytest.fixture
    def backend(self, backend):
        return backend


class TestRayWithRayFileStorage(BackendTests):
    @pytest.fixture
    def backend(self, backend):
        return backend

    @pytest.fixture
    def storage(self, place):
        shutil.rmtree(place, ignore_errors=True)
        options = {"remoteArgs": {"resources": {"_disk": 0.001}}, "path": str(place)}
        return storage_factory({"kind": "ray", "options": options})


@pytest.fixture(scope="module")
def s3_url(tmp_path_factory):
    with s3_apart.no_credentials(), s3_apart.running(tmp_path_factory.mktemp("s3")) as url:
        yield url


class TestRayWithS3(ReuseTests, StatefulTests):
    """Of the suite only what is about storages."""

    @pytest.fixture
    def backend(self, s3_url, backend):
        return backend

    @pytest.fixture
    def storage(self, s3_url):
        return s3_apart.new_storage(s3_url)
