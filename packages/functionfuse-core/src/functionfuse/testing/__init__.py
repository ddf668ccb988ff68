"""Conformance suites: what a run means and what a storage does, as classes of tests.

A backend or storage package inherits them with one fixture, and so can anyone's::

    class TestMyWorkflow(BackendTests):
        @pytest.fixture
        def backend(self):
            return Backend(MyWorkflow)

    class TestMyStorage(StorageTests):
        @pytest.fixture
        def storage(self, tmp_path):
            return MyStorage(tmp_path)

They need pytest: `pip install "functionfuse-core[testing]"`.
"""

from functionfuse.testing.availability import require, unavailable
from functionfuse.testing.backend import Backend, BackendTests
from functionfuse.testing.storages import StorageTests

__all__ = ["Backend", "BackendTests", "StorageTests", "require", "unavailable"]
