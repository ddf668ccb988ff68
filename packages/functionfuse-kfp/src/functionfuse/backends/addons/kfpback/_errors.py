"""Errors of this backend, those of Docker turned into them, and how progress is shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from functionfuse.errors import FunctionFuseError

__all__ = ["LOGGER", "ImageError", "docker_errors", "shown_progress"]

LOGGER = logging.getLogger("functionfuse.kfp")
"""What builds, pushes and containers say, at level INFO."""


class ImageError(FunctionFuseError, RuntimeError):
    """An image can't be built, pushed, or used for a workflow."""


@contextmanager
def docker_errors(doing: str) -> Iterator[None]:
    """Turn what Docker's SDK raises into errors that say what was to be done.

    Raises
    ------
    ImageError
        If the Docker Engine refuses.
    ConnectionError
        If it does not answer.
    """
    from docker.errors import APIError, DockerException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except APIError as error:
        msg = f"Docker can't {doing}: {error.explanation or error}"
        raise ImageError(msg) from None
    except (DockerException, HTTPError, OSError) as error:  # As are those of requests.
        msg = (
            f"the Docker Engine does not answer when it is to {doing}: see that it still runs, or "
            f"set DOCKER_HOST ({error})"
        )
        raise ConnectionError(msg) from None


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
