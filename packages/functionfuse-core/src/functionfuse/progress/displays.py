"""Where progress is shown: as lines, as bars in a terminal, as bars in a notebook."""

from __future__ import annotations

import importlib.util
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from functionfuse.progress.snapshot import Snapshot

if TYPE_CHECKING:
    from rich.table import Table
    from typing_extensions import Self

__all__ = ["Display", "open_display"]

NAMES_SHOWN = 5
BAR_WIDTH = 40
LINE_INTERVAL_S = 5.0
MOST_LINES_GROWTH = 0.1
"""A line follows another after 5 s, or a tenth of the time that the run has taken."""


class Display(ABC):
    """Shows how far a run is, again and again, while its context is open."""

    @abstractmethod
    def show(self, snapshot: Snapshot) -> None:
        """Show how far the run is now."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None


def open_display(*, is_terminal_shared: bool) -> Display:
    """Return the best display for where standard error goes.

    Parameters
    ----------
    is_terminal_shared
        Whether others write to the terminal, which would tear bars.
    """
    if importlib.util.find_spec("rich") is None:
        return Lines()
    if _is_notebook():
        return NotebookBars()
    if sys.stderr.isatty() and not is_terminal_shared:
        return TerminalBars()
    return Lines()


def _is_notebook() -> bool:
    """Tell whether this is a kernel, whose output a page shows."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return hasattr(shell, "kernel")


class Lines(Display):
    """Writes a line to standard error, less and less often."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def show(self, snapshot: Snapshot) -> None:
        # docstring inherited
        if snapshot.seconds < self._next_s:
            return
        pause = max(LINE_INTERVAL_S, MOST_LINES_GROWTH * snapshot.seconds)
        self._next_s = snapshot.seconds + pause
        sys.stderr.write(
            f"{snapshot.workflow_name}: {snapshot.done} of {snapshot.total} nodes done after "
            f"{snapshot.seconds:.0f} s ({snapshot.counts()}); now: {_names(snapshot)}\n"
        )


class TerminalBars(Display):
    """Draws a bar at the terminal's last lines; what is printed meanwhile stands above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        # docstring inherited
        self._live.update(_bars(snapshot), refresh=True)


class NotebookBars(Display):
    """Draws a bar below the notebook's cell."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, snapshot: Snapshot) -> None:
        # docstring inherited
        from IPython.display import display

        if self._handle is None:
            self._handle = display(_bars(snapshot), display_id=True)
        else:
            self._handle.update(_bars(snapshot))


def _bars(snapshot: Snapshot) -> Table:
    """Draw a bar, the counts, and below them the nodes that run."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    first = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=snapshot.total or 1, completed=snapshot.done, width=BAR_WIDTH)
    first.add_row(
        Text(snapshot.workflow_name, style="bold"),
        bar,
        f"{snapshot.done}/{snapshot.total}",
        Text(f"{snapshot.seconds:.0f} s", style="dim"),
    )
    table = Table.grid()
    table.add_row(first)
    table.add_row(Text(snapshot.counts(), style="red" if snapshot.failed else ""))
    table.add_row(Text(f"now: {_names(snapshot)}", style="dim", no_wrap=True, overflow="ellipsis"))
    return table


def _names(snapshot: Snapshot) -> str:
    names = ", ".join(snapshot.running[:NAMES_SHOWN])
    more = len(snapshot.running) - NAMES_SHOWN
    return (names or "nothing") + (f" and {more} more" if more > 0 else "")
