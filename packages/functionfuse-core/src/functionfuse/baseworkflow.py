"""What every backend's workflow has: a graph with a name, its storage, its queries."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from functionfuse.backends.plugins import Plugin, check_plugin, initialize_plugins
from functionfuse.errors import NoMatchWarning, warn
from functionfuse.graph import Graph
from functionfuse.node import Node
from functionfuse.picture import draw, to_dot, to_mermaid, to_text
from functionfuse.plan import Action, Plan, check_reuse, make_full_plan
from functionfuse.progress import Style, watched
from functionfuse.record import RunRecord
from functionfuse.registry import STORAGES
from functionfuse.run import Run, check_on_error
from functionfuse.saved import Replan, SavedResults
from functionfuse.storage.base import Storage

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from functionfuse.why import Explanations

__all__ = ["BaseWorkflow", "Query"]


class BaseWorkflow:
    """A graph with a name, to be run by a backend that derives from this class.

    Parameters
    ----------
    *nodes
        Nodes, or items of nodes, whose results a run returns. The workflow runs all
        nodes that descend from the roots above them, and what these need.
    workflow_name
        The name of the workflow, under which results are saved: any text.

    Raises
    ------
    GraphError
        If no node is given or two nodes of the graph have one name.
    TypeError
        If what is given is not a node, or the name not text.
    """

    UNREACHABLE_KINDS: ClassVar[Collection[str]] = ()
    """Kinds of storages that this backend's workers can't use."""

    def __init__(self, *nodes: Any, workflow_name: str) -> None:
        if not isinstance(workflow_name, str):
            msg = (
                f"workflow_name is text, got {workflow_name!r} "
                f"of type {type(workflow_name).__name__}"
            )
            raise TypeError(msg)
        self.workflow_name = workflow_name
        self.last_run: RunRecord | None = None
        self.graph = Graph(nodes)
        self.storage: Storage | None = None
        self._logs: frozenset[int] = frozenset()
        self._plugins: dict[int, Plugin] = {}
        self._full_plan: Plan | None = None

    def graph_traversal(self) -> Iterator[tuple[str, Node]]:
        """Yield name and node of every node, each after its parents."""
        for position in self.graph.order:
            yield self.graph.names[position], self.graph.nodes[position]

    def find_nodes(self, pattern: str) -> list[Node]:
        """Return the nodes whose whole name matches a regular expression, in running order.

        Raises
        ------
        ValueError
            If `pattern` is not a regular expression.
        """
        matches = _compiled(pattern).fullmatch
        return [node for name, node in self.graph_traversal() if matches(name)]

    def query(self, pattern: str | None = None) -> Query:
        """Select nodes, to set options on them.

        Parameters
        ----------
        pattern
            Regular expression that whole names match; None for all nodes.
        """
        return Query(self._matching(pattern), self)

    def set_storage(self, object_storage: Storage) -> None:
        """Set where results are saved, and loaded from when the workflow runs again.

        Raises
        ------
        TypeError
            If `object_storage` is not a storage, or this backend's workers don't reach it.
        """
        if not isinstance(object_storage, Storage):
            msg = (
                "set_storage takes a storage, such as storage_factory makes, "
                f"got {object_storage!r} of type {type(object_storage).__name__}"
            )
            raise TypeError(msg)
        kind = STORAGES.kind_of(object_storage)
        if kind in self.UNREACHABLE_KINDS:
            msg = (
                f"{type(self).__name__} can't use {object_storage!r}, which the processes of its "
                f"nodes don't reach: set a storage of another kind than {kind!r}"
            )
            raise TypeError(msg)
        self.storage = object_storage

    def log_nodes(self, pattern: str) -> None:
        """Make nodes execute at every run, for what they print or draw.

        Their results are never saved, and nothing below them counts as changed because of
        them.

        Parameters
        ----------
        pattern
            Regular expression that whole names match.
        """
        nodes = self._matching(pattern)
        self._logs |= {self.graph.positions[node] for node in nodes}

    def set_plugin(self, pattern: str, plugin: Plugin) -> None:
        """Set what prepares the worker of each node; the last one set for a node holds.

        Parameters
        ----------
        pattern
            Regular expression that whole names match.
        plugin
            An object with the methods of `functionfuse.backends.plugins.Plugin`.

        Raises
        ------
        TypeError
            If the plugin lacks one of the two methods.
        """
        check_plugin(plugin)
        self._set_plugin(self._matching(pattern), plugin)

    def _set_plugin(self, nodes: Iterable[Node], plugin: Plugin) -> None:
        for node in nodes:
            self._plugins[self.graph.positions[node]] = plugin

    def _initialize_plugins(self) -> dict[int, Callable[[], Any]]:
        """Call the plugins' part in the driver; return what workers call before nodes."""
        return initialize_plugins(self._plugins) if self._plugins else {}

    def to_mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart, coloured by the last run if there was one."""
        return to_mermaid(draw(self.graph, self.last_run))

    def to_dot(self) -> str:
        """Return the graph in DOT, the language of Graphviz, with the same boxes and colours."""
        return to_dot(draw(self.graph, self.last_run))

    def to_html(self, path: str | Path) -> None:
        """Write the report of the last run; see `RunRecord.to_html`.

        Raises
        ------
        ValueError
            If there was no run.
        """
        if self.last_run is None:
            msg = f"workflow {self.workflow_name!r} has no report yet: it has not run"
            raise ValueError(msg)
        self.last_run.to_html(path)

    def to_svg(self) -> str:
        """Return the graph as a picture in SVG.

        Raises
        ------
        MissingProgramError
            If Graphviz, which draws it, is not installed.
        """
        from functionfuse.graphviz import to_svg

        return to_svg(self.to_dot())

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """Show the graph in a notebook: drawn by Graphviz or Jupyter's Mermaid, else as text."""
        bundle = {"text/vnd.mermaid": self.to_mermaid(), "text/plain": str(self)}
        # Without Graphviz, or with one that fails, there is still the rest.
        with contextlib.suppress(OSError, RuntimeError):
            bundle["image/svg+xml"] = self.to_svg()
        return bundle

    def __str__(self) -> str:
        return f"{self!r}\n{to_text(self.graph)}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.workflow_name!r} of {len(self.graph)} nodes>"

    def run_plan(
        self,
        follow: Callable[[Run], Any],
        reuse: str,
        on_error: str,
        progress: bool | None = None,
        *,
        gives_results: bool = True,
    ) -> Any:
        """Plan a run and have a backend follow the plan; again if a saved result is damaged.

        This is what the `run` of a backend calls.

        Parameters
        ----------
        follow
            Takes the plan's steps and returns what the run returns.
        reuse, on_error, progress
            As given to `run`.
        gives_results
            Whether the given nodes' results are needed.
        """
        check_reuse(reuse)
        check_on_error(on_error)
        saved = self._open_saved()
        initializers = self._initialize_plugins()
        backend = type(self).__name__
        run = Run(self.graph, self.workflow_name, saved, on_error, initializers, backend)
        self.last_run = run.record
        self._begin(run, saved, reuse, gives_results=gives_results)
        try:
            with watched(run, progress, self.progress_style), run.record:
                while True:
                    try:
                        return follow(run)
                    except Replan:
                        self._begin(run, saved, reuse, gives_results=gives_results)
        finally:
            if saved is not None:
                saved.write_index()
                saved.keep_record(run.record)

    def _begin(
        self, run: Run, saved: SavedResults | None, reuse: str, *, gives_results: bool
    ) -> None:
        plan = self._make_plan(saved, reuse, run, gives_results=gives_results)
        if self.storage is not None and plan.fingerprints:
            self.storage.new_workflow(self.workflow_name)
        if saved is not None and Action.EXECUTE in plan.actions:
            from functionfuse.why import reasons

            found = reasons(plan, saved, reuse=reuse, logs=self._logs)
            run.record.reasons = {**found, **run.record.reasons}
        run.begin(plan)

    def plan(self, *, reuse: str = "saved") -> Plan:
        """Return what a run would do now, without running.

        Parameters
        ----------
        reuse
            As for `run`.
        """
        check_reuse(reuse)
        return self._make_plan(self._open_saved(), reuse)

    def why(self, pattern: str | None = None, *, reuse: str = "saved") -> Explanations:
        """Say what a run would do now with each node and why, without running.

        Print what it returns, or end a notebook's cell with it; `to_dict` is for machines.

        Parameters
        ----------
        pattern
            Regular expression that whole names match; None for all nodes.
        reuse
            As for `run`.

        Returns
        -------
        Explanations
            By name, in running order. The values that a function uses from outside, such as
            constants of its module, count to its code.
        """
        from functionfuse.why import explain

        check_reuse(reuse)
        positions = [self.graph.positions[node] for node in self._matching(pattern)]
        saved = self._open_saved(warns=False)
        plan = self._make_plan(saved, reuse)
        return explain(plan, positions, saved, reuse=reuse, logs=self._logs)

    @property
    def progress_style(self) -> Style:
        """How progress is to be shown, given what the engine does beside it."""
        return Style()

    def _open_saved(self, *, warns: bool = True) -> SavedResults | None:
        if self.storage is None:
            return None
        return SavedResults(self.storage, self.workflow_name, warns=warns)

    def _make_plan(
        self,
        saved: SavedResults | None,
        reuse: str,
        run: Run | None = None,
        *,
        gives_results: bool = True,
    ) -> Plan:
        returned = self.graph.leaf_positions if gives_results else frozenset()
        if saved is not None:
            finished = frozenset() if run is None else run.finished
            return saved.plan(self.graph, reuse, self._logs, finished, returned)
        if self._full_plan is None or self._full_plan.returned != returned:
            self._full_plan = make_full_plan(self.graph, returned)
        return self._full_plan

    def _matching(self, pattern: str | None) -> list[Node]:
        nodes = self.find_nodes(".*" if pattern is None else pattern)
        if not nodes:
            msg = f"no node of workflow {self.workflow_name!r} has a name that matches {pattern!r}"
            warn(msg, NoMatchWarning)
        return nodes


class Query:
    """Nodes of a workflow that were selected by their names.

    Parameters
    ----------
    nodes
        The nodes.
    workflow
        The workflow that they are of.
    """

    def __init__(self, nodes: Sequence[Node], workflow: BaseWorkflow) -> None:
        self.nodes = nodes
        self.workflow = workflow

    def set_plugin(self, plugin: Plugin) -> Self:
        """Set what prepares the workers of these nodes; see `BaseWorkflow.set_plugin`."""
        check_plugin(plugin)
        self.workflow._set_plugin(self.nodes, plugin)
        return self

    def __repr__(self) -> str:
        return f"<query of {len(self.nodes)} nodes of {self.workflow.workflow_name!r}>"


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.DOTALL)
    except (re.error, TypeError) as error:
        msg = f"a pattern is a regular expression for node names, got {pattern!r}: {error}"
        raise ValueError(msg) from error
