"""One run of a workflow: its plan, what is saved, what failed, what is returned.

A backend makes a `Run`, follows its plan, and reports to it; all that concerns storage,
failures and the record of a run is done here, alike for every backend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

from functionfuse.arguments import take
from functionfuse.decoration import keep_importable
from functionfuse.errors import RemoteTraceback, add_note
from functionfuse.graph import Graph
from functionfuse.plan import Action, Plan
from functionfuse.record import RunRecord
from functionfuse.saved import Replan, SavedResults
from functionfuse.storage.base import Storage
from functionfuse.storage.index import Saved
from functionfuse.worker import Destination, NodeCall, Outcome

__all__ = ["Run", "check_on_error"]

ERROR_POLICIES = ("raise", "continue")


def check_on_error(on_error: str) -> None:
    """Raise ValueError unless this is an error policy."""
    if on_error not in ERROR_POLICIES:
        msg = f"on_error is one of {', '.join(map(repr, ERROR_POLICIES))}, got {on_error!r}"
        raise ValueError(msg)


class Run:
    """A run of a workflow.

    Parameters
    ----------
    graph
        What runs.
    workflow_name
        Its name.
    saved
        The saved results, or None when nothing is saved.
    on_error
        `"raise"`: nothing new starts after a failure; `"continue"`: all that does not
        depend on what failed runs, then the first failure is raised.
    initializers
        What plugins call in the worker before a node, by position.
    backend
        The name of the class that runs it.

    Attributes
    ----------
    graph, initializers
        As given.
    plan
        The plan that is followed, since `begin`.
    has_storage
        Whether results are saved.
    record
        What became of each node so far.
    blocked
        Positions of nodes that failed or can't run because of one that did.
    running
        Positions of nodes that workers have now; none while nodes run one after the other.
    """

    def __init__(
        self,
        graph: Graph,
        workflow_name: str,
        saved: SavedResults | None,
        on_error: str,
        initializers: Mapping[int, Callable[[], Any]],
        backend: str = "",
    ) -> None:
        self.graph = graph
        self.initializers = initializers
        self._workflow_name = workflow_name
        self._saved = saved
        self.has_storage = saved is not None
        self.record = RunRecord(graph, workflow_name, backend, has_storage=self.has_storage)
        self._continues = on_error == "continue"
        self._failures: dict[int, Exception] = {}
        self.blocked = self.record.blocked
        self.running: set[int] = set()

    def begin(self, plan: Plan) -> None:
        """Start following a plan: the first, or another after a result turned out damaged."""
        self.plan = plan
        self.running.clear()
        if self._saved is not None:
            skip, nbytes = Action.SKIP, self._saved.stored_bytes
            self.record.note_skipped(
                (position, nbytes(name))
                for position, (action, name) in enumerate(
                    zip(plan.actions, self.graph.names, strict=True)
                )
                if action is skip
            )

    @property
    def finished(self) -> frozenset[int]:
        """The nodes that were executed so far and need not be again."""
        return self.record.executed()

    @property
    def has_failed(self) -> bool:
        """Whether a node failed, and the run goes on."""
        return bool(self._failures)

    def is_blocked(self, position: int) -> bool:
        """Tell whether a node can't run because it, or one that it depends on, failed."""
        if position not in self.blocked and self.blocked.isdisjoint(self.graph.parents[position]):
            return False
        self.blocked.add(position)
        return True

    def load(self, position: int) -> Any:
        """Load a node's saved result; None if that fails and the run goes on.

        Raises
        ------
        Replan
            If it is damaged or gone.
        Exception
            If it can't be unpickled, and the run ends at a failure.
        """
        assert self._saved is not None
        start = perf_counter()
        try:
            value = self._saved.load(self.graph.names[position])
        except Replan:
            raise
        except Exception as error:  # Objects unpickle by code of their own.
            if self.fail(position, error, start):
                raise
            return None
        nbytes = self._stored_bytes(position)
        self.record.note_loaded(position, start, perf_counter() - start, nbytes)
        return value

    def stored(self, position: int) -> tuple[Storage, str, Saved]:
        """Return where a saved result is, for a worker that loads it."""
        assert self._saved is not None
        return self._saved.place(self.graph.names[position])

    def start_elsewhere(self, position: int) -> None:
        """Take down that a worker has a node, until one of the methods below is called."""
        self.running.add(position)

    def call(self, step: int, values: list[Any]) -> NodeCall:
        """Return what a worker needs to take a step of the plan.

        Parameters
        ----------
        step
            The step: one that loads, executes, or replays a call.
        values
            The results of the node's parents, so far as the engine does not bring them.
        """
        position, action = self.plan.order[step], self.plan.step_actions[step]
        if action is Action.LOAD:
            storage, *place = self.stored(position)
            return NodeCall(storage.read_saved, None, None, place)
        node = self.graph.nodes[position]
        keep_importable(node.function.func)
        return NodeCall(
            node.function.func,
            node.args,
            node.kwargs,
            values,
            self.initializers.get(position),
            self.destination(position) if action is Action.EXECUTE else None,
        )

    def load_elsewhere(self, position: int, outcome: Outcome) -> None:
        """Take down that a node's saved result was loaded by a worker."""
        start = self._end_elsewhere(position, outcome)
        nbytes = self._stored_bytes(position)
        self.record.note_loaded(position, start, outcome.duration, nbytes)

    def lose(self, position: int, error: Exception) -> None:
        """Count no longer on a saved result that a worker found damaged or gone."""
        assert self._saved is not None
        self._saved.lose(self.graph.names[position], error)

    def save(self, position: int, value: Any, start: float, end: float) -> tuple[Any, int]:
        """Save what a node returned, if it is to be saved.

        Parameters
        ----------
        position
            The node.
        value
            Its result.
        start, end
            When it started and ended, by `time.perf_counter`.

        Returns
        -------
        object
            What its consumers get.
        int
            Size of the result in the storage, 0 if it is not saved.
        """
        destination = self.destination(position)
        if destination is None:
            return value, 0
        value, saved = destination.save(value, self.record.epoch(start), end - start)
        return value, self._note_saved(saved)

    def destination(self, position: int) -> Destination | None:
        """Return what saves a node's result; None if it is not to be saved."""
        fingerprint = self.plan.fingerprints.get(position)
        if fingerprint is None or self._saved is None:
            return None
        return self._saved.destination(self.graph.names[position], fingerprint)

    def finish_elsewhere(self, position: int, outcome: Outcome) -> None:
        """Take down that a node was executed, and its result saved, by a worker."""
        start = self._end_elsewhere(position, outcome)
        nbytes = 0 if outcome.saved is None else self._note_saved(outcome.saved)
        self.record.note_executed(position, start, outcome.duration, nbytes)

    def fail_elsewhere(self, position: int, outcome: Outcome) -> bool:
        """Do what `fail` does for a node that failed in a worker."""
        assert outcome.error is not None
        if outcome.traceback:
            outcome.error.__cause__ = RemoteTraceback(outcome.traceback)
        start = self._end_elsewhere(position, outcome)
        return self.fail(position, outcome.error, start, outcome.duration)

    def fail(
        self, position: int, error: BaseException, start: float, duration: float | None = None
    ) -> bool:
        """Take down that a node failed; tell whether its error is to be raised at once.

        Parameters
        ----------
        position
            The node.
        error
            What it raised. One that is no failure of its own, such as that of ctrl-C, leaves it
            pending.
        start
            When it started, by `time.perf_counter`.
        duration
            How long it ran, in seconds; None if it has just ended.
        """
        self.running.discard(position)
        name = self.graph.names[position]
        if isinstance(error, KeyboardInterrupt):
            add_note(error, f"node {name!r} of workflow {self._workflow_name!r} was interrupted")
            return True
        if duration is None:
            duration = perf_counter() - start
        self.record.note_failed(position, start, duration, error)
        add_note(error, f"node {name!r} of workflow {self._workflow_name!r} failed")
        if not self._continues or not isinstance(error, Exception):
            return True
        self._failures[position] = error
        self.blocked.add(position)
        instance = self.graph.instances.get(position)
        if instance is not None:
            self.blocked.add(instance)
        return False

    def returned(self, results: Sequence[Any]) -> Any:
        """Return what the run returns: the given nodes' results, one by itself.

        Raises
        ------
        Exception
            The first failure, if a node failed and the run went on.
        """
        if self._failures:
            (_, first), *others = self._failures.items()
            if others:
                names = ", ".join(repr(self.graph.names[position]) for position, _ in others)
                add_note(first, f"these nodes failed too: {names}")
            raise first
        values = []
        for leaf in self.graph.leaves:
            position = self.graph.positions[leaf.node]
            try:
                values.append(take(results[position], leaf.keys))
            except Exception as error:  # Results give their items by code of their own.
                name = self.graph.names[position]
                add_note(error, f"the result of node {name!r} has no such item")
                raise
        return values[0] if len(values) == 1 else values

    def _end_elsewhere(self, position: int, outcome: Outcome) -> float:
        """Take down that a worker is done with a node; return when it began with it."""
        self.running.discard(position)
        if outcome.worker:
            self.record.workers[position] = outcome.worker
        return self.record.perf_counter(outcome.started)

    def _note_saved(self, saved: Saved) -> int:
        assert self._saved is not None
        self._saved.note(saved)
        return saved.stamp.nbytes

    def _stored_bytes(self, position: int) -> int:
        return 0 if self._saved is None else self._saved.stored_bytes(self.graph.names[position])
