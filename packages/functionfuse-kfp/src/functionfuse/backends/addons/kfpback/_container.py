"""One container on this machine's Docker: what it says is shown, and it can be ended."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from functionfuse.backends.addons.kfpback._errors import LOGGER, ImageError, docker_errors

__all__ = ["Container", "limits"]

LINES_KEPT = 30


class Container:
    """A container, made but not started.

    Parameters
    ----------
    title
        What to call it.
    client
        Of the Docker Engine.
    image
        Its image.
    command
        What it runs.
    **options
        Of Docker's SDK.

    Raises
    ------
    ImageError, ConnectionError
        If Docker can't make it, or later run it.
    """

    def __init__(
        self, title: str, client: Any, image: str, command: Sequence[str], **options: Any
    ) -> None:
        self._title = title
        with self._errors():
            self._container = client.containers.create(image, list(command), **options)
        self._is_killed = False

    def run(self, deadline_s: float | None) -> tuple[int, list[str]]:
        """Start it, show what it says, wait for its end, and remove it.

        Parameters
        ----------
        deadline_s
            Seconds after which it is ended; None for never.

        Returns
        -------
        int
            Its exit code.
        list of str
            The last lines that it said.
        """
        timer = threading.Timer(deadline_s or 0.0, self.kill)
        lines: list[str] = []
        with self._errors():
            try:
                self._container.start()
                if self._is_killed:  # Before it had begun.
                    self.kill()
                if deadline_s is not None:
                    timer.start()
                for line in _lines(self._container.logs(stream=True, follow=True)):
                    LOGGER.info("[%s] %s", self._title, line)
                    lines = [*lines[1 - LINES_KEPT :], line]
                exit_code: int = self._container.wait()["StatusCode"]
            finally:
                timer.cancel()
                self._container.remove(force=True)
        if self._is_killed and deadline_s is not None:
            lines.append(f"ended after its timeout of {deadline_s:g} s")
        return exit_code, lines

    def kill(self) -> None:
        """End it."""
        self._is_killed = True
        # It has ended, or not begun, or the one who runs it finds no engine either.
        with contextlib.suppress(ImageError, ConnectionError), self._errors():
            self._container.kill()

    def _errors(self) -> AbstractContextManager[None]:
        return docker_errors(f"run the container of {self._title!r}")


def limits(resources: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's limits as Docker takes them: KFP counts processors, and memory in GB."""
    options: dict[str, Any] = {}
    if "cpuLimit" in resources:
        processors = min(float(resources["cpuLimit"]), os.cpu_count() or 1)
        options["nano_cpus"] = int(processors * 1e9)
    if "memoryLimit" in resources:
        options["mem_limit"] = int(float(resources["memoryLimit"]) * 1e9)
    return options


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield whole lines, wherever the chunks of a container's log end."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip("\r")
    if rest:
        yield rest.decode(errors="replace")
