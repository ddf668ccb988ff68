"""A bar in the terminal's last line, while a program prints as it likes.

Whatever the program prints or logs goes to the terminal unchanged: a stream that is the
terminal's has the bar taken off before it writes. Nobody else's streams are touched.
"""

from __future__ import annotations

import logging
import sys
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any

from functionfuse.progress.displays import Display, bar
from functionfuse.progress.snapshot import Snapshot, Style

if TYPE_CHECKING:
    from rich.console import Console
    from typing_extensions import Self

__all__ = ["open_terminal_bar"]

ERASE = "\r\x1b[2K"

_terminal = Lock()
"""Held by the run that has the terminal: another at the same time shows lines."""


def open_terminal_bar(style: Style) -> Display | None:
    """Return a bar; None where standard error is no terminal that can show one, or has one.

    Parameters
    ----------
    style
        How progress is to be shown.
    """
    from rich.console import Console

    console = Console(stderr=True)
    is_able = console.is_terminal and not console.is_dumb_terminal and sys.stderr.isatty()
    if not is_able or not _terminal.acquire(blocking=False):
        return None
    return _TerminalBar(console, style)


class _TerminalBar(Display):
    def __init__(self, console: Console, style: Style) -> None:
        self._console = console
        self._style = style
        self._stream = sys.stderr
        self._lock = RLock()
        self._is_drawn = False
        self._is_line_open = False
        self._replaced: dict[str, _Beside] = {}

    def __enter__(self) -> Self:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            # Not what the program has put in their places for a while, nor what is a file.
            if stream is getattr(sys, f"__{name}__") and _is_terminal(stream):
                beside = self._replaced[name] = _Beside(stream, self)
                setattr(sys, name, beside)
                _replace_in_logging(stream, beside)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for name, beside in self._replaced.items():
            stream = getattr(sys, f"__{name}__")
            _replace_in_logging(beside, stream)
            if getattr(sys, name) is beside:
                setattr(sys, name, stream)
        try:
            with self._lock:
                self._erase()
        finally:
            _terminal.release()

    def show(self, snapshot: Snapshot) -> None:  # docstring inherited
        with self._console.capture() as capture:
            self._console.print(bar(snapshot, self._style), end="", crop=True)
        with self._lock:
            if self._is_line_open:  # The program has printed the beginning of a line.
                return
            self._stream.write(f"{ERASE}{capture.get().rstrip()}")
            self._stream.flush()
            self._is_drawn = True

    def write_beside(self, stream: Any, text: str) -> int:
        """Write what the program prints, in the place of the bar."""
        with self._lock:
            self._erase()
            written: int = stream.write(text)
            if text:
                self._is_line_open = not text.endswith("\n")
        return written

    def _erase(self) -> None:
        if self._is_drawn:
            self._stream.write(ERASE)
            self._stream.flush()
            self._is_drawn = False


def _is_terminal(stream: Any) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _replace_in_logging(stream: Any, other: Any) -> None:
    """Have what logs to a stream log to another."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is stream:
            handler.setStream(other)


class _Beside:
    """A stream of the terminal that has the bar taken off before it writes."""

    def __init__(self, stream: Any, terminal_bar: _TerminalBar) -> None:
        self._stream = stream
        self._bar = terminal_bar

    def write(self, text: str) -> int:
        return self._bar.write_beside(self._stream, text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
