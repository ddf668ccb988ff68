"""How far a run is at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from functionfuse.plan import Plan
from functionfuse.record import State
from functionfuse.run import Run

__all__ = ["Observer", "Snapshot", "Style"]

NAMES_SHOWN = 5
NAME_CHARACTERS = 60


class Style(NamedTuple):
    """How progress is shown, given what an engine does beside it."""

    is_terminal_shared: bool = False
    """Whether other processes, or loggers of the engine, write to the terminal as well, where
    bars would be torn."""
    running: str = "now"
    """What to call the nodes that workers have: they may only wait there."""


class Snapshot(NamedTuple):
    """How far a run is at one moment."""

    workflow_name: str
    seconds: float
    """Since the run began."""
    executed: int
    loaded: int
    skipped: int
    failed: int
    left: int
    """How many nodes may still be executed or loaded."""
    blocked: int
    """How many nodes can't, since one that they need failed."""
    running: Sequence[str]
    """Names of the nodes that run now or could, since their parents are done."""

    @property
    def done(self) -> int:
        """How many nodes are done, well or not."""
        return self.executed + self.loaded + self.failed

    @property
    def total(self) -> int:
        """How many nodes there are to do."""
        return self.done + self.left

    @property
    def title(self) -> str:
        """The workflow's name, fit for a terminal."""
        return _printable(self.workflow_name)

    def counts(self) -> str:
        """Return the counts as text, those of nothing left out."""
        counts = {
            "executed": self.executed,
            "loaded": self.loaded,
            "skipped": self.skipped,
            "failed": self.failed,
            "left": self.left,
            "blocked": self.blocked,
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count)

    def time(self) -> str:
        """Return how long the run has taken, as people read it."""
        if self.seconds < 60:
            return f"{self.seconds:.1f} s"
        minutes, seconds = divmod(round(self.seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{seconds:02}"

    def names(self) -> str:
        """Return the names of the nodes that run, the first five."""
        names = ", ".join(map(_printable, self.running[:NAMES_SHOWN]))
        more = len(self.running) - NAMES_SHOWN
        return names + (f" and {more} more" if more > 0 else "")


class Observer:
    """Looks at a run that goes on in another thread.

    Parameters
    ----------
    run
        The run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._plan: Plan | None = None
        self._step = 0

    def look(self) -> Snapshot:
        """Return how far the run is."""
        run, record = self._run, self._run.record
        counts = record.counts()
        blocked = sum(map(record.is_pending, list(run.blocked)))
        left = counts.get(State.PENDING.value, 0) - blocked
        running = self._ready() or (self._next() if left else [])
        return Snapshot(
            record.workflow_name,
            record.seconds,
            counts[State.EXECUTED.value],
            counts[State.LOADED.value],
            counts[State.SKIPPED.value],
            counts.get(State.FAILED.value, 0),
            left,
            blocked,
            [run.graph.names[position] for position in running],
        )

    def _ready(self) -> list[int]:
        """Return the nodes that workers have, but for those that wait there for others."""
        running, blocked, inputs = self._run.running, self._run.blocked, self._run.graph.inputs
        return [
            position
            for position in list(running)
            if position not in blocked and running.isdisjoint(inputs[position])
        ]

    def _next(self) -> list[int]:
        """Return the node that runs where one runs after the other: the first not done."""
        plan, is_pending = self._run.plan, self._run.record.is_pending
        if self._plan is not plan:
            self._plan, self._step = plan, 0
        order = plan.order
        while self._step < len(order):
            position = order[self._step]
            if is_pending(position) and position not in self._run.blocked:
                return [position]
            self._step += 1
        return []


def _printable(name: str) -> str:
    """Return a name without what would move a terminal's cursor, cut if it is long."""
    shown = "".join(c if c.isprintable() else " " for c in name[: NAME_CHARACTERS + 1])
    return shown if len(shown) <= NAME_CHARACTERS else shown[: NAME_CHARACTERS - 1] + "…"
