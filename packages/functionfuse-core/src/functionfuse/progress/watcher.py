"""The thread that looks how far a run is, and shows it.

The run itself does nothing for it: what it takes down anyway is looked at now and then.
"""

from __future__ import annotations

import contextlib
import sys
from _thread import allocate_lock, start_new_thread
from contextvars import copy_context

from functionfuse.progress.snapshot import Observer, Style
from functionfuse.run import Run

__all__ = ["Watcher"]

FIRST_LOOK_S = 0.5
"""A run that is over sooner gets its last line only."""

INTERVAL_S = 0.2


class Watcher:
    """Shows a run's progress while its context is open, and a last line when it closes.

    Parameters
    ----------
    run
        The run.
    style
        How to show it.
    """

    def __init__(self, run: Run, style: Style) -> None:
        self._record = run.record
        self._observer = Observer(run)
        self._style = style
        self._is_over = allocate_lock()
        """Held until the run is over."""
        self._showing = allocate_lock()
        self._is_end_told = False

    def __enter__(self) -> Watcher:
        self._is_over.acquire()
        # Not by `threading`, whose `start` waits: that takes longer than a thousand nodes. In
        # a notebook, the context says which cell the output belongs to.
        start_new_thread(copy_context().run, (self._watch,))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._is_over.release()
        with self._showing:
            snapshot = self._observer.look()
        if self._is_end_told:
            return
        with contextlib.suppress(OSError, ValueError):  # Standard error is closed.
            sys.stderr.write(
                f"{snapshot.title}: {self._record.ending} after {snapshot.time()}: "
                f"{snapshot.counts()}\n"
            )

    def _watch(self) -> None:
        if self._is_over.acquire(timeout=FIRST_LOOK_S):
            return
        # Standard error may be closed.
        with self._showing, contextlib.suppress(OSError, ValueError):
            if self._is_over.acquire(blocking=False):
                return
            from functionfuse.progress.displays import open_display

            with open_display(self._style) as display:
                self._is_end_told = display.tells_end
                display.show(self._observer.look())
                while not self._is_over.acquire(timeout=INTERVAL_S):
                    display.show(self._observer.look())
                display.show(self._observer.look())
