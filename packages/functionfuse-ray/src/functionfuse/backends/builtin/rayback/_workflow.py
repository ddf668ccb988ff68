"""The workflow that runs on Ray."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

import ray

from functionfuse.backends.builtin.rayback._calls import Calls, Tasks
from functionfuse.backends.builtin.rayback._query import Query
from functionfuse.backends.builtin.rayback._saving import Saver
from functionfuse.backends.builtin.rayback._scheduler import Scheduler
from functionfuse.baseworkflow import BaseWorkflow
from functionfuse.errors import warn
from functionfuse.progress import Style
from functionfuse.run import Run
from functionfuse.storage.base import Storage
from functionfuse.storage.rayfilestorage import has_node_with, start_ray

__all__ = ["NoSuchResourceWarning", "RayWorkflow"]


class NoSuchResourceWarning(UserWarning):
    """Nodes ask for resources that no machine of the cluster has."""


class RayWorkflow(BaseWorkflow):
    """A workflow that runs on a Ray cluster: each node a task, each instance an actor.

    Parameters
    ----------
    *nodes
        Nodes, or items of nodes, whose results a run can return. The workflow runs all
        nodes that descend from the roots above them, and what these need.
    workflow_name
        The name of the workflow, under which results are saved.
    ray_init_args
        Arguments of `ray.init`. Ray is started with them now, or the cluster that they name
        is joined; if Ray runs already in this process, it is used as it is.

    Raises
    ------
    ConnectionError
        If no cluster answers at the address in `ray_init_args`.

    Notes
    -----
    Arrays come from Ray's object store and are read-only: a node that changes one takes a
    copy first.
    """

    def __init__(
        self,
        *nodes: Any,
        workflow_name: str,
        ray_init_args: Mapping[str, Any] = {},  # The documented default.
    ) -> None:
        super().__init__(*nodes, workflow_name=workflow_name)
        self.remote_args: dict[int, Mapping[str, Any]] = {}
        """Ray's options for nodes, by position; set them by `query(…).set_remote_args`."""
        self._tasks = Tasks()
        self._saver: Saver | None = None
        self._ray_init_args = ray_init_args
        start_ray(ray_init_args)

    @property
    def progress_style(self) -> Style:  # docstring inherited
        return Style(running="submitted")

    def query(self, pattern: str | None = None) -> Query:  # docstring inherited
        return Query(self._matching(pattern), self)

    def set_storage(self, object_storage: Storage) -> None:
        """Set where results are saved, and loaded from when the workflow runs again.

        Parameters
        ----------
        object_storage
            Any storage. Files are written by the workers, so all machines must share the
            folder, unless it is a Ray file storage, which has a machine of its own.

        Raises
        ------
        TypeError
            If `object_storage` is not a storage.
        """
        super().set_storage(object_storage)
        self._saver = Saver(object_storage)

    def run(
        self,
        return_results: bool = False,
        max_pending_tasks: int = 0,
        *,
        reuse: str = "saved",
        on_error: str = "raise",
        progress: bool | None = None,
    ) -> Any:
        """Run the graph; when it returns, every node has run and every save is done.

        Parameters
        ----------
        return_results
            Whether the given nodes' results are returned, for which they come to this process.
        max_pending_tasks
            How many nodes are submitted to Ray and unfinished at most; 0 for no limit.
        reuse, on_error, progress
            As for `LocalWorkflow.run`; after a failure, running nodes are cancelled. Progress
            names the nodes that were submitted and whose parents are done: some wait for a CPU.

        Returns
        -------
        object
            None, or with `return_results` the result of the given node; a list of results if
            several were given.

        Raises
        ------
        Exception
            What a node raised, with a note that names the node.
        """
        if type(max_pending_tasks) is not int or max_pending_tasks < 0:
            msg = (
                "max_pending_tasks is a whole number of nodes, 0 for no limit, "
                f"got {max_pending_tasks!r}"
            )
            raise ValueError(msg)
        if not ray.is_initialized():
            start_ray(self._ray_init_args)
        self._warn_of_missing_resources()

        def follow(run: Run) -> Any:
            calls = Calls(run, self._tasks, self.remote_args)
            results = Scheduler(run, calls, self._saver, max_pending_tasks).run()
            if run.has_failed or return_results:
                return run.returned(results)
            return None

        with _quiet:
            return self.run_plan(follow, reuse, on_error, progress, gives_results=return_results)

    def _warn_of_missing_resources(self) -> None:
        asked = {repr(args): args for args in self.remote_args.values()}
        for text, args in asked.items():
            if not has_node_with(args):
                warn(
                    f"no machine of the Ray cluster has {text}, which nodes of workflow "
                    f"{self.workflow_name!r} ask for: they wait until one joins",
                    NoSuchResourceWarning,
                )


class _Quiet:
    """Keeps Ray from logging failures of nodes, which are raised, or are those of nodes above.

    Ray asks a variable of the environment; runs in several threads share it.
    """

    VARIABLE = "RAY_IGNORE_UNHANDLED_ERRORS"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = 0
        self._before: str | None = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._runs:
                self._before = os.environ.get(self.VARIABLE)
                os.environ[self.VARIABLE] = "1"
            self._runs += 1

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._runs -= 1
            if not self._runs and self._before is None:
                os.environ.pop(self.VARIABLE, None)
            elif self._before is not None and not self._runs:
                os.environ[self.VARIABLE] = self._before


_quiet = _Quiet()
