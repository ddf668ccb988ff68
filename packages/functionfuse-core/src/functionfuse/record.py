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
    from types import TracebackType

__all__ = ["Failure", "NodeRun", "RunRecord", "State"]


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


MOST_TRACEBACKS = 100
"""Of further failures only the messages are kept."""

MOST_CHARACTERS = 20_000
"""So long is the end of a traceback that is kept."""

MESSAGE_CHARACTERS = 200


class Failure(NamedTuple):
    """Why a node failed."""

    message: str
    """The error's type and the first line of what it says, cut at 200 characters."""
    traceback: str
    """Its end, if it is long; "" if a hundred nodes had failed before."""


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
    failure: Failure | None
    """Why it failed, if it did."""

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, for JSON."""
        return {**self._asdict(), "failure": self.failure and self.failure._asdict()}


class RunRecord(Mapping[str, NodeRun]):
    """What a run did with each node, by the nodes' names; readable while the run goes on.

    The run is over when its context closes.

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
        Why nodes failed, by position.
    blocked
        Positions of nodes that can't run since one above failed.
    ending
        `"completed"`, `"failed"` or `"interrupted"`; "" while the run goes on.
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
        self.errors: dict[int, Failure] = {}
        self.blocked: set[int] = set()
        self.ending = ""
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

    def note_failed(
        self, position: int, start: float, duration: float, error: BaseException
    ) -> None:
        """Take down that a node failed, and why; times as for `note_executed`."""
        import traceback

        self.note_executed(position, start, duration)
        self._states[position] = FAILED
        text = ""
        if len(self.errors) < MOST_TRACEBACKS:
            text = "".join(traceback.format_exception(error))[-MOST_CHARACTERS:]
        self.errors[position] = Failure(_message(error), text)

    def note_skipped(self, skipped: Iterable[tuple[int, int]]) -> None:
        """Take down whose results are not needed, by the plan that holds from now on.

        Parameters
        ----------
        skipped
            Position of each node and size of its result in the storage.
        """
        states, sizes = self._states, self._stored_bytes
        states[:] = states.replace(bytes([SKIPPED]), bytes([PENDING]))
        for position, stored_bytes in skipped:
            if states[position] != EXECUTED:
                states[position] = SKIPPED
                sizes[position] = stored_bytes

    def note_loaded(self, position: int, start: float, duration: float, stored_bytes: int) -> None:
        """Take down that a node's saved result was loaded, unless this run made it."""
        if self._states[position] != EXECUTED:
            self.note_executed(position, start, duration, stored_bytes)
            self._states[position] = LOADED

    def __enter__(self) -> RunRecord:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended = time.perf_counter()
        if error is None:
            self.ending = "completed"
        else:
            self.ending = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"

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
        """Return why a node was executed, loaded or can't run; "" where nothing decides."""
        if self._states[position] == PENDING:
            return "a node above failed" if position in self.blocked else ""
        if not self._has_storage:
            return ""
        is_saved = self._states[position] in (LOADED, SKIPPED)
        return self.reasons.get(position, "saved already" if is_saved else "not saved")

    def columns(self) -> dict[str, list[Any]]:
        """Return a list for each field of `NodeRun` but `failure`, in the nodes' order of creation.

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
            self.errors.get(position),
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.graph.names)

    def __len__(self) -> int:
        return len(self._states)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {state}" for state, count in self.counts().items())
        return f"<run of {len(self)} nodes: {counts}>"


def _message(error: BaseException) -> str:
    first = f"{type(error).__name__}: {error}".partition("\n")[0]
    return first if len(first) <= MESSAGE_CHARACTERS else first[: MESSAGE_CHARACTERS - 1] + "…"
