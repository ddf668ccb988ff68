"""The workflow that runs as a Prefect flow."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal

from prefect import Flow
from prefect.context import FlowRunContext
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from functionfuse.backends.addons.prefectback._deployment import entrypoint_of
from functionfuse.backends.addons.prefectback._options import check_options
from functionfuse.backends.addons.prefectback._query import Query
from functionfuse.backends.addons.prefectback._scheduler import Scheduler
from functionfuse.baseworkflow import BaseWorkflow
from functionfuse.errors import notes
from functionfuse.plan import check_reuse
from functionfuse.progress import Style
from functionfuse.run import Run, check_on_error

__all__ = ["PrefectWorkflow"]

DEFAULT_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""As many as Python's own pool of threads has: Prefect's default is one for every node."""

_NOT_IN_FLOW_NAMES = re.compile("[/%&<>]")


class PrefectWorkflow(BaseWorkflow):
    """A workflow that runs as a Prefect flow: each node a task run, named after its node.

    Nodes run in threads, so that independent ones run at once; for one after the other give
    `set_prefect_flow_options({"task_runner": ThreadPoolTaskRunner(max_workers=1)})`.

    Parameters
    ----------
    *nodes
        Nodes, or items of nodes, whose results a run returns. The workflow runs all
        nodes that descend from the roots above them, and what these need.
    workflow_name
        The name of the workflow, under which results are saved, and of the flow.
    """

    UNREACHABLE_KINDS = ("ray",)

    def __init__(self, *nodes: Any, workflow_name: str) -> None:
        super().__init__(*nodes, workflow_name=workflow_name)
        self.task_args: dict[int, Mapping[str, Any]] = {}
        """Prefect's options for nodes, by position; set them by `query(…).set_task_args`."""
        self._flow_options: dict[str, Any] = {}
        self._flow: Flow[Any, Any] | None = None

    @property
    def flow(self) -> Flow[Any, Any]:
        """The flow that runs this workflow; called, it returns what `run` returns.

        Its parameters are `reuse`, `on_error` and `progress`, as of `LocalWorkflow.run`.
        """
        return self.generate_flow()

    def generate_flow(self) -> Flow[Any, Any]:
        """Make the flow, if it is not there yet, and keep it as `flow`.

        The plan is made when the flow runs, and what is set on this workflow later holds for
        its later runs.
        """
        if self._flow is None:
            self._flow = self._make_flow()
        return self._flow

    def _make_flow(self) -> Flow[Any, Any]:
        here = _Here(self)

        def run_workflow(
            reuse: Literal["saved", "unchanged", "never"] = "saved",
            on_error: Literal["raise", "continue"] = "raise",
            progress: bool | None = None,
        ) -> Any:
            try:
                follow = here.workflow._follow
                return here.workflow.run_plan(follow, reuse, on_error, progress)
            except Exception as error:  # Nodes raise as they like.
                if _has_retries_left():
                    raise  # Prefect 3.8 does not try again when a state is returned.
                lines = [f"{type(error).__name__}: {error}", *notes(error)]
                return Failed(message="; ".join(reversed(lines)), data=error)

        options = {
            "name": _NOT_IN_FLOW_NAMES.sub("-", self.workflow_name) or "workflow",
            "task_runner": ThreadPoolTaskRunner(max_workers=DEFAULT_THREADS),
            **self._flow_options,
        }
        return Flow(run_workflow, **options)

    @property
    def progress_style(self) -> Style:  # docstring inherited
        return Style(is_terminal_shared=True)  # Prefect's logs are there.

    def query(self, pattern: str | None = None) -> Query:
        # docstring inherited
        return Query(self._matching(pattern), self)

    def set_prefect_flow_options(self, options: Mapping[str, Any]) -> None:
        """Set options of the flow, in place of those set before; they hold at the next run.

        Parameters
        ----------
        options
            Arguments of `prefect.flow`: `task_runner`, `retries`, `timeout_seconds`,
            `log_prints`, …

        Raises
        ------
        TypeError
            If Prefect does not know an option.
        Exception
            If Prefect does not take its value.
        """
        check_options("set_prefect_flow_options", Flow.__init__, options)
        before, self._flow_options = self._flow_options, dict(options)
        try:
            flow = self._make_flow()
        except Exception:
            self._flow_options = before
            raise
        if self._flow is not None:
            vars(self._flow).update(vars(flow))  # Whoever holds the flow holds this one.

    def run(
        self, *, reuse: str = "saved", on_error: str = "raise", progress: bool | None = None
    ) -> Any:
        """Run the flow.

        Parameters
        ----------
        reuse, on_error, progress
            As for `LocalWorkflow.run`. Progress is shown as lines, between those of Prefect.

        Returns
        -------
        object
            The result of the given node; a list of results if several were given.

        Raises
        ------
        Exception
            What a node raised, with a note that names the node.
        """
        check_reuse(reuse)
        check_on_error(on_error)
        return self.flow(reuse=reuse, on_error=on_error, progress=progress)

    def _follow(self, run: Run) -> Any:
        context = FlowRunContext.get()
        assert context is not None
        assert context.flow is not None
        runner = context.task_runner
        if self.graph.instances and not isinstance(runner, ThreadPoolTaskRunner):
            msg = (
                f"workflow {self.workflow_name!r} has stateful nodes, whose instances stay in one "
                f"process, and its task runner is a {type(runner).__name__}: give "
                "set_prefect_flow_options a ThreadPoolTaskRunner"
            )
            raise TypeError(msg)
        workers = getattr(runner, "_max_workers", None)
        max_pending = workers if isinstance(workers, int) else sys.maxsize
        # Prefect keeps a flow's results when the flow is told to, and its nodes' as well.
        defaults = {"persist_result": True} if context.flow.persist_result else {}
        return run.returned(Scheduler(run, runner, self.task_args, defaults, max_pending).run())

    def serve(self, name: str, **options: Any) -> None:
        """Make a deployment and run what is triggered, in this process, until it is ended.

        Parameters
        ----------
        name
            Name of the deployment.
        **options
            As of `prefect.Flow.serve`: `cron`, `interval`, `tags`, …

        Raises
        ------
        ValueError
            If other processes could not import this workflow.
        """
        _imported_flow(self).serve(name=name, **options)

    def deploy(self, name: str, work_pool_name: str, **options: Any) -> Any:
        """Make a deployment for a work pool, whose workers run what is triggered.

        Parameters
        ----------
        name
            Name of the deployment.
        work_pool_name
            Name of the work pool; it is there already.
        **options
            As of `prefect.Flow.deploy`: `cron`, `job_variables`, `tags`, …

        Returns
        -------
        uuid.UUID
            Prefect's id of the deployment.

        Raises
        ------
        ValueError
            If other processes could not import this workflow.
        """
        options = {"build": False, "push": False, **options}
        return _imported_flow(self).deploy(name=name, work_pool_name=work_pool_name, **options)


def _has_retries_left() -> bool:
    """Tell whether Prefect will run the flow of this flow run again if it fails."""
    context = FlowRunContext.get()
    if context is None or context.flow is None or context.flow_run is None:
        return False
    return context.flow_run.run_count <= context.flow.retries


def _imported_flow(workflow: PrefectWorkflow) -> Any:
    """Return the flow as Prefect imports it, which knows where it comes from."""
    source, entrypoint = entrypoint_of(workflow)
    return Flow.from_source(source=source, entrypoint=entrypoint)


class _Here:
    """Holds the workflow for its flow's function, and stays in this process.

    Prefect sends the flow to worker processes with each task, where nothing needs the graph.
    """

    def __init__(self, workflow: Any = None) -> None:
        self.workflow = workflow

    def __reduce__(self) -> tuple[type[_Here], tuple[()]]:
        return _Here, ()
