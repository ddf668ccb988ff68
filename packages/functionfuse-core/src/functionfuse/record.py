"""What a run did: the state of each node, when it ran, how long, how large its result is."""

from __future__ import annotations

import enum
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from functionfuse.graph import Graph

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


class NodeRun(NamedTuple):
    """One node in one run."""

    state: State
    started: float | None
    """Seconds since the epoch; None for a node that did not run."""
    duration: float
    """Seconds that the node's function, or loading its result, took."""
    stored_bytes: int
    """Size of its result in the storage, if it was saved or loaded; 0 otherwise."""


class RunRecord(Mapping[str, NodeRun]):
    """What a run did with each node, by the nodes' names; readable while the run goes on.

    Parameters
    ----------
    graph
        The graph that runs.
    """

    def __init__(self, graph: Graph) -> None:
        size = len(graph)
        self._graph = graph
        self._epoch = time.time() - time.perf_counter()
        self._states = [State.PENDING] * size
        self._starts = array("d", bytes(8 * size))
        self._durations = array("d", bytes(8 * size))
        self._stored_bytes = array("q", bytes(8 * size))

    def note(
        self, position: int, state: State, start: float, duration: float, stored_bytes: int = 0
    ) -> None:
        """Take down what became of a node.

        Parameters
        ----------
        position
            The node.
        state
            Its state.
        start
            When it started, by `time.perf_counter` of this process.
        duration
            How long it ran, in seconds.
        stored_bytes
            Size of its result in the storage.
        """
        self._states[position] = state
        self._starts[position] = start
        self._durations[position] = duration
        if stored_bytes:
            self._stored_bytes[position] = stored_bytes

    def note_skipped(self, skipped: Iterable[tuple[int, int]]) -> None:
        """Take down whose results were not needed, unless this run made them.

        Parameters
        ----------
        skipped
            Position of each node and size of its result in the storage.
        """
        states, sizes = self._states, self._stored_bytes
        was_executed, is_skipped = State.EXECUTED, State.SKIPPED
        for position, stored_bytes in skipped:
            if states[position] is not was_executed:
                states[position] = is_skipped
                sizes[position] = stored_bytes

    def note_loaded(self, position: int, start: float, duration: float, stored_bytes: int) -> None:
        """Take down that a node's saved result was loaded, unless this run made it."""
        if self._states[position] is not State.EXECUTED:
            self.note(position, State.LOADED, start, duration, stored_bytes)

    def executed(self) -> frozenset[int]:
        """Return the positions of the nodes that were executed."""
        return frozenset(
            position for position, state in enumerate(self._states) if state is State.EXECUTED
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
        counts = Counter(self._states)
        usual = (State.EXECUTED, State.LOADED, State.SKIPPED)
        trouble = [state for state in (State.FAILED, State.PENDING) if counts[state]]
        return {state.value: counts[state] for state in (*usual, *trouble)}

    def __getitem__(self, name: str) -> NodeRun:
        position = self._graph.by_name[name]
        start = self._starts[position]
        return NodeRun(
            self._states[position],
            self.epoch(start) if start else None,
            self._durations[position],
            self._stored_bytes[position],
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._graph.names)

    def __len__(self) -> int:
        return len(self._states)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {state}" for state, count in self.counts().items())
        return f"<run of {len(self)} nodes: {counts}>"
