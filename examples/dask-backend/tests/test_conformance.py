"""What a run means, on Dask."""

from __future__ import annotations

import pytest

from functionfuse.testing import Backend, BackendTests
from functionfuse_dask import DaskWorkflow


class DaskBackend(Backend):
    def __init__(self, client):
        super().__init__(DaskWorkflow, stateful=False, shares_memory=False)
        self.client = client

    def make(self, *nodes, workflow_name="conformance"):
        return self.workflow_class(*nodes, workflow_name=workflow_name, client=self.client)


class TestDask(BackendTests):
    @pytest.fixture
    def backend(self, client):
        return DaskBackend(client)
