"""An S3 server of the tests' own: moto's, in a process of its own, and buckets in it."""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from functionfuse.testing import require
from processes import free_port, started

START_TIMEOUT_S = 60.0


@contextmanager
def no_credentials() -> Iterator[None]:
    """Keep what the environment says of S3 from this process and its children."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@contextmanager
def running(folder: Path, **variables: str) -> Iterator[str]:
    """Run a server, with variables in its environment; give its URL."""
    require("moto")
    port = free_port()
    log = folder / "s3.log"
    command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    url = f"http://127.0.0.1:{port}"
    with started(*command, log=log, env={**os.environ, **variables}) as process:
        end = time.monotonic() + START_TIMEOUT_S
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"no S3 server: {log.read_text()}")
            time.sleep(0.05)
        yield url


def new_storage(url: str) -> Any:
    """Return an empty storage in a new bucket."""
    options = {"key": "key", "secret": "secret", "endpoint_url": url}
    bucket = f"bucket-{uuid4().hex}"
    require("s3fs").S3FileSystem(**options, use_listings_cache=False).mkdir(bucket)
    from functionfuse.storage.s3storage import S3FileStorage

    return S3FileStorage(f"{bucket}/results", options)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/moto-api/"):
            return True
    except OSError:
        return False
