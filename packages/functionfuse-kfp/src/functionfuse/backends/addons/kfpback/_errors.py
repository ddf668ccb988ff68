"""Errors of this backend, and how its progress is shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from functionfuse.errors import FunctionFuseError

__all__ = ["LOGGER", "ImageError", "shown_progress"]

LOGGER = logging.getLogger("functionfuse.kfp")
"""What builds, pushes and containers say, at level INFO."""


class ImageError(FunctionFuseError, RuntimeError):
    """An image can't be built, pushed, or used for a workflow."""


@contextmanager
def shown_progress() -> Iterator[None]:
    """Show progress on the standard error, unless the user has set up logging for it."""
    if LOGGER.level != logging.NOTSET or LOGGER.isEnabledFor(logging.INFO):
        yield
        return
    handler = logging.StreamHandler()
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    try:
        yield
    finally:
        LOGGER.propagate = True
        LOGGER.setLevel(logging.NOTSET)
        LOGGER.removeHandler(handler)
