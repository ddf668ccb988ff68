"""The conformance suite for backends: section by section, what a run means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functionfuse.testing.argument_tests import ArgumentTests
from functionfuse.testing.error_tests import ErrorTests
from functionfuse.testing.graph_tests import GraphTests
from functionfuse.testing.plugin_tests import PluginTests
from functionfuse.testing.record_tests import RecordTests
from functionfuse.testing.reuse_tests import ReuseTests
from functionfuse.testing.stateful_tests import StatefulTests
from functionfuse.testing.why_tests import WhyTests

__all__ = ["Backend", "BackendTests"]


class Backend:
    """A backend under test; derive from it to adapt how a workflow is made or run.

    Parameters
    ----------
    workflow_class
        The backend's workflow.
    closures
        Whether functions made inside functions can run.
    stateful
        Whether stateful nodes can run.
    shares_memory
        Whether nodes run in the driver's process, and results are its objects.
    """

    def __init__(
        self,
        workflow_class: Callable[..., Any],
        *,
        closures: bool = True,
        stateful: bool = True,
        shares_memory: bool = True,
    ) -> None:
        self.workflow_class = workflow_class
        self.closures = closures
        self.stateful = stateful
        self.shares_memory = shares_memory

    def make(self, *nodes: Any, workflow_name: str = "conformance") -> Any:
        """Make a workflow."""
        return self.workflow_class(*nodes, workflow_name=workflow_name)

    def run(self, workflow: Any, **options: Any) -> Any:
        """Run a workflow and return the results of the given nodes."""
        return workflow.run(**options)

    def needs(self, capability: str) -> None:
        """Skip a test if the backend lacks what it is about."""
        if not getattr(self, capability):
            pytest.skip(f"this backend has no {capability}")


class BackendTests(
    GraphTests,
    ArgumentTests,
    ReuseTests,
    WhyTests,
    RecordTests,
    ErrorTests,
    StatefulTests,
    PluginTests,
):
    """What a run means, on every backend; inherit it and give the fixture `backend`.

    The fixture `storage` is a file storage unless a subclass gives another.
    """

    @pytest.fixture
    def backend(self) -> Backend:
        """Return the backend under test."""
        pytest.fail("a subclass of BackendTests gives a fixture 'backend'")

    @pytest.fixture
    def storage(self, tmp_path: Any) -> Any:
        """Return an empty storage that the backend can use."""
        from functionfuse.storage.filestorage import FileStorage

        return FileStorage(tmp_path)
