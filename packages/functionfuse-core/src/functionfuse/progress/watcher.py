"""The thread that looks how far a run is, and shows it.

The run itself does nothing for it: what it takes down anyway is looked at now and then.
"""

from __future__ import annotations

import contextlib
import sys
from _thread import allocate_lock, start_new_thread
from contextvars import copy_context
from types import TracebackType

from functionfuse.progress.snapshot import Observer
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
    is_terminal_shared
        Whether others than this process's own prints write to the terminal.
    """

    def __init__(self, run: Run, *, is_terminal_shared: bool) -> None:
        self._observer = Observer(run)
        self._is_terminal_shared = is_terminal_shared
        self._is_over = allocate_lock()
        """Held until the run is over."""
        self._showing = allocate_lock()

    def __enter__(self) -> Watcher:
        self._is_over.acquire()
        # Not by `threading`, whose `start` waits: that takes longer than a thousand nodes. In
        # a notebook, the context says which cell the output belongs to.
        start_new_thread(copy_context().run, (self._watch,))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over.release()
        with self._showing:
            snapshot = self._observer.look()
        ended = "ended" if error is None else "failed"
        with contextlib.suppress(OSError, ValueError):  # Standard error is closed.
            sys.stderr.write(
                f"{snapshot.workflow_name}: {ended} after {snapshot.seconds:.1f} s: "
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

            with open_display(is_terminal_shared=self._is_terminal_shared) as display:
                display.show(self._observer.look())
                while not self._is_over.acquire(timeout=INTERVAL_S):
                    display.show(self._observer.look())
                display.show(self._observer.look())
