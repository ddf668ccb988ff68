"""Running a graph in this process, or with an executor from here."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from functionfuse.arguments import call
from functionfuse.baseworkflow import BaseWorkflow
from functionfuse.execution import UNSETTLED_TYPES, Awaiter, settle
from functionfuse.plan import Action
from functionfuse.progress import Style
from functionfuse.run import Run

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["LocalWorkflow"]


class LocalWorkflow(BaseWorkflow):
    """A workflow that runs in this process, one node after the other, or with an executor.

    Parameters
    ----------
    *nodes
        Nodes, or items of nodes, whose results a run returns. The workflow runs all
        nodes that descend from the roots above them, and what these need.
    workflow_name
        The name of the workflow, under which results are saved.

    Examples
    --------
    >>> from functionfuse import workflow
    >>> @workflow
    ... def double(x):
    ...     return 2 * x
    >>> four = double(2).set_name("four")
    >>> w = LocalWorkflow(four, double(four), workflow_name="doubles")
    >>> w.run()
    [4, 8]
    """

    def __init__(self, *nodes: Any, workflow_name: str) -> None:
        super().__init__(*nodes, workflow_name=workflow_name)
        self._executor: Executor | None = None
        self._max_pending: int | None = None

    def run(
        self, *, reuse: str = "saved", on_error: str = "raise", progress: bool | None = None
    ) -> Any:
        """Run the graph.

        Parameters
        ----------
        reuse
            What is done with saved results: `"saved"` loads whatever was saved under a
            name given by `set_name`, and warns if what it was made from has changed;
            `"unchanged"` executes what changed, and all below it; `"never"` executes all.
        on_error
            `"raise"` starts nothing more after a failure; `"continue"` runs all that does
            not depend on what failed, then raises the first failure.
        progress
            Whether to show how far the run is, on standard error: with rich (extra
            `[progress]`) as bars in a terminal or notebook, otherwise as lines. None shows it
            if the environment variable `FUNCTIONFUSE_PROGRESS` is `1`.

        Returns
        -------
        object
            The result of the given node; a list of results if several were given.

        Raises
        ------
        Exception
            What a node raised, with a note that names the node.
        """
        return self.run_plan(self._follow, reuse, on_error, progress)

    def set_executor(self, executor: Executor | None, *, max_pending: int | None = None) -> None:
        """Run the nodes in parallel from now on, each as soon as its parents are done.

        Parameters
        ----------
        executor
            Any executor of the kind of `concurrent.futures`: threads, processes, or another
            library's. It stays the caller's to shut down. None for serial runs again.
        max_pending
            How many nodes are submitted and unfinished at most; by default as many as the
            executor has workers, which keeps them busy and few results alive.

        Raises
        ------
        TypeError
            If `executor` is not an executor.
        ValueError
            If `max_pending` is less than 1.
        """
        from concurrent.futures import Executor

        if executor is not None and not isinstance(executor, Executor):
            msg = (
                "set_executor takes a concurrent.futures.Executor or None, "
                f"got {executor!r} of type {type(executor).__name__}"
            )
            raise TypeError(msg)
        if max_pending is not None and (type(max_pending) is not int or max_pending < 1):
            msg = f"max_pending is a whole number of nodes from 1, or None, got {max_pending!r}"
            raise ValueError(msg)
        self._executor = executor
        self._max_pending = max_pending

    @property
    def progress_style(self) -> Style:  # noqa: D102  docstring inherited
        from concurrent.futures import ThreadPoolExecutor

        is_here = self._executor is None or isinstance(self._executor, ThreadPoolExecutor)
        return Style(is_terminal_shared=not is_here)

    def _follow(self, run: Run) -> Any:
        if self._executor is None:
            with Awaiter() as awaiter:
                return run.returned(_run_serially(run, awaiter))
        from functionfuse.backends.builtin.parallel import run_in_executor

        return run.returned(run_in_executor(run, self._executor, self._max_pending))


def _run_serially(run: Run, awaiter: Awaiter) -> list[Any]:
    """Take the plan's steps one after the other and return the results that are left."""
    nodes, parents, plan = run.graph.nodes, run.graph.parents, run.plan
    results: list[Any] = [None] * len(nodes)
    note_executed = run.record.note_executed
    load_action, execute_action = Action.LOAD, Action.EXECUTE
    has_storage, initializers = run.has_storage, run.initializers
    for position, action, drops in zip(plan.order, plan.step_actions, plan.drops, strict=True):
        if action is load_action:
            results[position] = run.load(position)
        elif not (run.blocked and run.is_blocked(position)):
            node = nodes[position]
            func = node.function.func
            values: Any = [results[parent] for parent in parents[position]]
            start = perf_counter()
            try:
                if position in initializers:
                    initializers[position]()
                # What `execute` does, without the cost of a call more.
                args = node.args
                value = func(*values) if args is None else call(func, args, node.kwargs, values)
                if type(value) in UNSETTLED_TYPES:
                    value = settle(value, func, awaiter)
                if action is execute_action:
                    end, nbytes = perf_counter(), 0
                    if has_storage:
                        value, nbytes = run.save(position, value, start, end)
                    results[position] = value
                    note_executed(position, start, end - start, nbytes)
            except BaseException as error:
                if run.fail(position, error, start):
                    raise
            value = values = None  # What is dropped below must not live on here.
        for dropped in drops:
            results[dropped] = None
    return results
