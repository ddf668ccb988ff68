"""What a run did: the state of each node, when it ran, how long, how large its result is."""

from __future__ import annotations

import enum
import time
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from functionfuse.graph import Graph

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NodeRun", "RunRecord", "State"]


class State(str, enum.Enum):
    """What became of a node in a run."""

    PENDING = "pending"
    """Not reached, because the run ended before or a node above failed."""
    SKIPPED = "skipped"
    LOADED = "loaded"
    EXECUTED = "executed"
    FAILED = "failed"

    def __str__(self) -> str:
        return self.value


STATES = tuple(State)
PENDING, SKIPPED, LOADED, EXECUTED, FAILED = range(len(STATES))


class NodeRun(NamedTuple):
    """One node in one run."""

    state: State
    started: float | None
    """Seconds since the epoch; None for a node that did not run."""
    duration: float
    """Seconds that the node's function, or loading its result, took."""
    stored_bytes: int
    """Size of its result in the storage, if it was saved or loaded; 0 otherwise."""
    worker: str
    """Name of the thread or process that ran it, "" where all ran in one or none is known."""
    reason: str
    """Why it was executed or loaded; "" without a storage."""
    error: str
    """Traceback of its failure; "" if it did not fail."""


class RunRecord(Mapping[str, NodeRun]):
    """What a run did with each node, by the nodes' names; readable while the run goes on.

    Parameters
    ----------
    graph
        The graph that runs.
    workflow_name
        The name of its workflow.
    backend
        The name of the class that runs it.
    has_storage
        Whether results are saved.

    Attributes
    ----------
    graph, workflow_name, backend
        As given.
    reasons
        Why nodes were executed or loaded, by position, where it is not just that they were
        not saved, or were; see `functionfuse.why.reasons`.
    workers
        What ran nodes, by position, where that is known.
    errors
        Tracebacks of the nodes that failed, by position.
    """

    def __init__(
        self, graph: Graph, workflow_name: str, backend: str, *, has_storage: bool
    ) -> None:
        size = len(graph)
        self.graph = graph
        self.workflow_name = workflow_name
        self.backend = backend
        self.reasons: dict[int, str] = {}
        self._has_storage = has_storage
        self.workers: dict[int, str] = {}
        self.errors: dict[int, str] = {}
        self._begun = time.perf_counter()
        self._ended: float | None = None
        self._epoch = time.time() - self._begun
        self._states = bytearray(size)  # Their codes: counting these takes no time.
        self._starts = array("d", bytes(8 * size))
        self._durations = array("d", bytes(8 * size))
        self._stored_bytes = array("q", bytes(8 * size))

    def note_executed(
        self, position: int, start: float, duration: float, stored_bytes: int = 0
    ) -> None:
        """Take down that a node was executed.

        Parameters
        ----------
        position
            The node.
        start
            When it started, by `time.perf_counter` of this process.
        duration
            How long it ran, in seconds.
        stored_bytes
            Size of its result in the storage.
        """
        self._states[position] = EXECUTED
        self._starts[position] = start
        self._durations[position] = duration
        if stored_bytes:
            self._stored_bytes[position] = stored_bytes

    def note_failed(self, position: int, start: float, duration: float) -> None:
        """Take down that a node failed; times as for `note_executed`."""
        self.note_executed(position, start, duration)
        self._states[position] = FAILED

    def note_skipped(self, skipped: Iterable[tuple[int, int]]) -> None:
        """Take down whose results were not needed, unless this run made them.

        Parameters
        ----------
        skipped
            Position of each node and size of its result in the storage.
        """
        states, sizes = self._states, self._stored_bytes
        for position, stored_bytes in skipped:
            if states[position] != EXECUTED:
                states[position] = SKIPPED
                sizes[position] = stored_bytes

    def note_loaded(self, position: int, start: float, duration: float, stored_bytes: int) -> None:
        """Take down that a node's saved result was loaded, unless this run made it."""
        if self._states[position] != EXECUTED:
            self.note_executed(position, start, duration, stored_bytes)
            self._states[position] = LOADED

    def end(self) -> None:
        """Take down that the run is over."""
        self._ended = time.perf_counter()

    @property
    def started(self) -> float:
        """When the run began, in seconds since the epoch."""
        return self.epoch(self._begun)

    @property
    def seconds(self) -> float:
        """How long the run took, or takes so far."""
        return (time.perf_counter() if self._ended is None else self._ended) - self._begun

    def is_pending(self, position: int) -> bool:
        """Tell whether nothing has become of a node yet."""
        return self._states[position] == PENDING

    def executed(self) -> frozenset[int]:
        """Return the positions of the nodes that were executed."""
        return frozenset(
            position for position, state in enumerate(self._states) if state == EXECUTED
        )

    def epoch(self, start: float) -> float:
        """Return a time of `time.perf_counter` in seconds since the epoch."""
        return self._epoch + start

    def perf_counter(self, epoch: float) -> float:
        """Return a time in seconds since the epoch by `time.perf_counter` of this process."""
        return epoch - self._epoch

    def counts(self) -> dict[str, int]:
        """Return how many nodes are in each state: `{"executed": 3, "loaded": 1, …}`.

        The states of trouble, pending and failed, are left out when no node is in them.
        """
        usual = (EXECUTED, LOADED, SKIPPED)
        trouble = [code for code in (FAILED, PENDING) if code in self._states]
        return {STATES[code].value: self._states.count(code) for code in (*usual, *trouble)}

    def to_html(self, path: str | Path) -> None:
        """Write a report of the run: its graph, when which node ran where, and a table.

        Parameters
        ----------
        path
            Of the page that is written. It is whole in itself and asks no network.
        """
        from functionfuse.report import summarize, write_page

        write_page(summarize(self), path)

    def reason(self, position: int) -> str:
        """Return why a node was executed or loaded; "" without a storage."""
        if not self._has_storage:
            return ""
        is_saved = self._states[position] in (LOADED, SKIPPED)
        return self.reasons.get(position, "saved already" if is_saved else "not saved")

    def columns(self) -> dict[str, list[Any]]:
        """Return a list for each field of `NodeRun` but errors, in the nodes' order of creation.

        States are texts, and `started` is in seconds since the run began.
        """
        positions = range(len(self))
        texts = [state.value for state in STATES]
        return {
            "state": [texts[code] for code in self._states],
            "started": [round(s - self._begun, 6) if s else None for s in self._starts],
            "duration": [round(duration, 6) for duration in self._durations],
            "stored_bytes": self._stored_bytes.tolist(),
            "worker": [self.workers.get(position, "") for position in positions],
            "reason": [self.reason(position) for position in positions],
        }

    def __getitem__(self, name: str) -> NodeRun:
        position = self.graph.by_name[name]
        start = self._starts[position]
        return NodeRun(
            STATES[self._states[position]],
            self.epoch(start) if start else None,
            self._durations[position],
            self._stored_bytes[position],
            self.workers.get(position, ""),
            self.reason(position),
            self.errors.get(position, ""),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.graph.names)

    def __len__(self) -> int:
        return len(self._states)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {state}" for state, count in self.counts().items())
        return f"<run of {len(self)} nodes: {counts}>"
