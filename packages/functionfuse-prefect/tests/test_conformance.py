"""What a run means, on Prefect."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

import s3_apart
from functionfuse.testing import Backend, BackendTests, require
from functionfuse.testing.reuse_tests import ReuseTests
from functionfuse.testing.stateful_tests import StatefulTests

require("prefect")

from prefect import task_runners  # noqa: E402

from functionfuse.backends.addons.prefectback import PrefectWorkflow  # noqa: E402

pytestmark = pytest.mark.usefixtures("temporary_server")


class InProcesses(Backend):
    def make(self, *nodes, workflow_name="conformance"):
        w = super().make(*nodes, workflow_name=workflow_name)
        runner = task_runners.ProcessPoolTaskRunner(max_workers=2)
        w.set_prefect_flow_options({"task_runner": runner})
        return w


class TestPrefectInThreads(BackendTests):
    @pytest.fixture
    def backend(self):
        return Backend(PrefectWorkflow)


@pytest.fixture(scope="module")
def lasting_processes():
    """Have the runner's processes outlive a flow: to start them takes from 5 to 20 seconds.

    Tests in other modules see them start and end.
    """
    executor = ProcessPoolExecutor(
        2,
        multiprocessing.get_context("spawn"),
        task_runners._initialize_process_pool_worker,
        (None,),  # They talk to the server themselves, not through the first flow's runner.
    )
    executor_shutdown = executor.shutdown
    executor.shutdown = lambda **_: None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task_runners, "ProcessPoolExecutor", lambda **_: executor)
        yield
    executor_shutdown()


@pytest.mark.usefixtures("lasting_processes")
class TestPrefectInProcesses(BackendTests):
    @pytest.fixture
    def backend(self):
        return InProcesses(PrefectWorkflow, stateful=False, shares_memory=False)


class _OnS3:
    @pytest.fixture
    def storage(self, s3_url):
        return s3_apart.new_storage(s3_url)


class TestPrefectInThreadsWithS3(_OnS3, ReuseTests, StatefulTests):
    """Of the suite only what is about storages."""

    @pytest.fixture
    def backend(self):
        return Backend(PrefectWorkflow)


@pytest.mark.usefixtures("lasting_processes")
class TestPrefectInProcessesWithS3(_OnS3, ReuseTests):
    """Of the suite only what is about storages."""

    @pytest.fixture
    def backend(self):
        return InProcesses(PrefectWorkflow, stateful=False, shares_memory=False)
