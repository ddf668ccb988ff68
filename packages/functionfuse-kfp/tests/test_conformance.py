"""What a run means, in containers of this machine's Docker."""

from __future__ import annotations

import pytest

import s3_apart
from functionfuse.backends.addons.kfpback import KFPWorkflow
from functionfuse.testing import Backend, BackendTests
from functionfuse.testing.reuse_tests import ReuseTests


class InContainers(Backend):
    def __init__(self, base_image):
        super().__init__(KFPWorkflow, shares_memory=False)
        self.base_image = base_image

    def make(self, *nodes, workflow_name="conformance"):
        w = super().make(*nodes, workflow_name=workflow_name)
        w.set_baseimage(self.base_image)
        return w

    def run(self, workflow, **options):
        return workflow.run(local=True, **options)


@pytest.fixture
def backend(base_image, tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return InContainers(base_image)


class TestKFPInContainers(BackendTests):
    @pytest.fixture
    def backend(self, backend):
        return backend


class TestKFPWithS3(ReuseTests):
    @pytest.fixture
    def backend(self, backend):
        return backend

    @pytest.fixture
    def storage(self, s3_url):
        return s3_apart.new_storage(s3_url)
