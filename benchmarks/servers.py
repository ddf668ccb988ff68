"""Servers that a benchmark runs in processes of their own."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["free_port", "running"]


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextmanager
def running(command: Sequence[str], url: str, log: Path, timeout_s: float) -> Iterator[None]:
    """Run a server while a block runs, which begins when the server answers.

    Parameters
    ----------
    command
        What starts it.
    url
        Where it answers when it is ready.
    log
        File for what it prints.
    timeout_s
        How long it may take to answer, in seconds.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        end = time.monotonic() + timeout_s
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > end:
                msg = f"no server: {log.read_text()}"
                raise RuntimeError(msg)
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url):
            return True
    except OSError:
        return False
