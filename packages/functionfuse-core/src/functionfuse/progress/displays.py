"""Where progress is shown: as lines, as a bar in a terminal, as a bar in a notebook."""

from __future__ import annotations

import importlib.util
import sys
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from functionfuse.progress.snapshot import Snapshot, Style

if TYPE_CHECKING:
    from rich.table import Table
    from typing_extensions import Self

__all__ = ["Display", "Lines", "NotebookBar", "bar", "open_display"]

LINE_INTERVAL_S = 5.0
INTERVAL_SHARE = 0.1
"""A line follows another after 5 s, or a tenth of the time that the run has taken."""

BAR_WIDTH = 24
NOTEBOOK_WIDTH = 110


class Display(ABC):
    """Shows how far a run is, again and again, while its context is open."""

    tells_end: ClassVar[bool] = False
    """Whether what it shows last stays, so that no line need tell the end."""

    @abstractmethod
    def show(self, snapshot: Snapshot) -> None:
        """Show how far the run is now."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None


def open_display(style: Style) -> Display:
    """Return the best display for where standard error goes.

    Parameters
    ----------
    style
        How progress is to be shown.
    """
    if importlib.util.find_spec("rich") is None:
        return Lines(style)
    if _is_notebook():
        return NotebookBar(style)
    if not style.is_terminal_shared:
        from functionfuse.progress.terminal import open_terminal_bar

        return open_terminal_bar(style) or Lines(style)
    return Lines(style)


def _is_notebook() -> bool:
    """Tell whether this is a kernel, whose output a page shows."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return hasattr(shell, "kernel")


class Lines(Display):
    """Writes a line to standard error, less and less often.

    Parameters
    ----------
    style
        How progress is to be shown.
    """

    def __init__(self, style: Style) -> None:
        self._style = style
        self._next_s = 0.0

    def show(self, snapshot: Snapshot) -> None:  # noqa: D102  docstring inherited
        names = snapshot.names()
        if snapshot.seconds < self._next_s or not names:
            return
        pause = max(LINE_INTERVAL_S, INTERVAL_SHARE * snapshot.seconds)
        self._next_s = snapshot.seconds + pause
        sys.stderr.write(
            f"{snapshot.title}: {snapshot.done} of {snapshot.total} nodes done after "
            f"{snapshot.time()} ({snapshot.counts()}); {self._style.running}: {names}\n"
        )


class NotebookBar(Display):
    """Draws a bar below the notebook's cell.

    Parameters
    ----------
    style
        How progress is to be shown.
    """

    tells_end = True

    def __init__(self, style: Style) -> None:
        self._style = style
        self._handle: Any = None

    def show(self, snapshot: Snapshot) -> None:  # noqa: D102  docstring inherited
        drawn = bar(snapshot, self._style)
        drawn.width = NOTEBOOK_WIDTH
        if self._handle is None:
            self._handle = sys.modules["IPython"].display.display(drawn, display_id=True)
        else:
            self._handle.update(drawn)


def bar(snapshot: Snapshot, style: Style) -> Table:
    """Draw the state of a run in one line, for rich to print."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    names = snapshot.names()
    line = Table.grid(padding=(0, 1), expand=True)
    for _ in range(4):
        line.add_column(no_wrap=True)
    line.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    line.add_row(
        Text(snapshot.title, style="bold"),
        ProgressBar(total=snapshot.total or 1, completed=snapshot.done, width=BAR_WIDTH),
        Text(snapshot.time(), style="dim"),
        Text(snapshot.counts(), style="red" if snapshot.failed else ""),
        Text(f"{style.running}: {names}" if names else "", style="dim"),
    )
    return line
