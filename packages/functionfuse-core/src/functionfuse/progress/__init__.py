"""Telling how far a run is while it goes on."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

from functionfuse.progress.watcher import Watcher
from functionfuse.run import Run

__all__ = ["VARIABLE", "watched"]

VARIABLE = "FUNCTIONFUSE_PROGRESS"
"""Variable of the environment that switches progress on where `run` is not told."""

_OFF = ("", "0", "false", "no", "off")


def watched(
    run: Run, wanted: bool | None, *, is_terminal_shared: bool
) -> AbstractContextManager[object]:
    """Return a context in which a run's progress is shown, if it is to be.

    Parameters
    ----------
    run
        The run.
    wanted
        Whether to show it; None leaves that to the variable of the environment.
    is_terminal_shared
        Whether the engine writes to the terminal by itself, where bars would be torn.
    """
    if wanted is None:
        wanted = os.environ.get(VARIABLE, "").strip().lower() not in _OFF
    return Watcher(run, is_terminal_shared=is_terminal_shared) if wanted else nullcontext()
