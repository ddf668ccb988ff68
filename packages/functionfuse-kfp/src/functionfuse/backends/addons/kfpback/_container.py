"""One container on this machine's Docker: what it says is shown, and it can be ended."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from functionfuse.backends.addons.kfpback._errors import LOGGER

__all__ = ["Container", "limits"]

LINES_KEPT = 15


class Container:
    """A container, made but not started.

    Parameters
    ----------
    client
        Of the Docker Engine.
    image
        Its image.
    command
        What it runs.
    **options
        Of Docker's SDK.
    """

    def __init__(self, client: Any, image: str, command: Sequence[str], **options: Any) -> None:
        self._container = client.containers.create(image, list(command), **options)
        self._is_killed = False

    def run(self, title: str, deadline_s: float | None) -> tuple[int, list[str]]:
        """Start it, show what it says, wait for its end, and remove it.

        Parameters
        ----------
        title
            What to call it.
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
        try:
            self._container.start()
            if self._is_killed:  # Before it had begun.
                self.kill()
            if deadline_s is not None:
                timer.start()
            for line in _lines(self._container.logs(stream=True, follow=True)):
                LOGGER.info("[%s] %s", title, line)
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
        from docker.errors import APIError

        self._is_killed = True
        with contextlib.suppress(APIError):  # It has ended, or not begun.
            self._container.kill()


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
