"""The workflow that runs on Dask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from distributed import Client, default_client

from functionfuse.baseworkflow import BaseWorkflow
from functionfuse.errors import GraphError
from functionfuse.run import Run
from functionfuse_dask._scheduler import Scheduler

__all__ = ["DaskWorkflow"]


class DaskWorkflow(BaseWorkflow):
    """A workflow that runs on a Dask cluster, each node as a task.

    Parameters
    ----------
    *nodes
        Nodes, or items of nodes, whose results a run returns. The workflow runs all
        nodes that descend from the roots above them, and what these need.
    workflow_name
        The name of the workflow, under which results are saved.
    client
        A client of Dask, or the address of a scheduler. None is the client that this process
        has already, or else a cluster on this machine, for each run anew.

    Raises
    ------
    GraphError
        If a node is stateful: Dask may move what an instance has become, or make it again.
    """

    UNREACHABLE_KINDS = ("ray",)

    def __init__(self, *nodes: Any, workflow_name: str, client: Client | str | None = None) -> None:
        super().__init__(*nodes, workflow_name=workflow_name)
        if self.graph.instances:
            msg = (
                f"workflow {workflow_name!r} has stateful nodes, which DaskWorkflow can't run: "
                "it has no place where an instance stays; run it with another backend"
            )
            raise GraphError(msg)
        self._client = client

    def run(
        self, *, reuse: str = "saved", on_error: str = "raise", progress: bool | None = None
    ) -> Any:
        """Run the graph and return the given nodes' results; see `LocalWorkflow.run`."""
        with _connected(self._client) as client:

            def follow(run: Run) -> Any:
                return run.returned(Scheduler(run, client).run())

            return self.run_plan(follow, reuse, on_error, progress)


@contextmanager
def _connected(client: Client | str | None) -> Iterator[Client]:
    """Give a client; what was opened here is closed at the end."""
    if client is None:
        with suppress(ValueError):  # There is none.
            client = default_client()
    if isinstance(client, Client):
        yield client
        return
    with Client(client, set_as_default=False) as opened:
        yield opened
