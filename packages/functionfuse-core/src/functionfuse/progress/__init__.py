"""Telling how far a run is while it goes on."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

from functionfuse.progress.snapshot import Style
from functionfuse.progress.watcher import Watcher
from functionfuse.run import Run

__all__ = ["VARIABLE", "Style", "watched"]

VARIABLE = "FUNCTIONFUSE_PROGRESS"
"""Variable of the environment that switches progress on where `run` is not told."""

_OFF = ("", "0", "false", "no", "off")


def watched(run: Run, wanted: bool | None, style: Style) -> AbstractContextManager[object]:
    """Return a context in which a run's progress is shown, if it is to be.

    Parameters
    ----------
    run
        The run.
    wanted
        Whether to show it; None leaves that to the variable of the environment.
    style
        How to show it.
    """
    if wanted is None:
        wanted = os.environ.get(VARIABLE, "").strip().lower() not in _OFF
    return Watcher(run, style) if wanted else nullcontext()
