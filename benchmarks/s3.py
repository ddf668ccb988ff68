"""Row 17: a second run on S3, by the requests that it makes and by its time.

The server runs on this machine, so each request costs a few milliseconds of its work and
nothing on the way: over a network, what is not asked for gains more.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graphs import fan
from harness import Result, Scale, compare
from moto import server
from s3fs import S3FileSystem
from servers import free_port, running

from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.storage.s3storage import S3FileStorage

NODES = 1_000
KEYS_PER_LISTING = 1_000
START_TIMEOUT_S = 60.0
NAME = "w"


def measure(scale: Scale) -> Iterator[Result]:
    """Store a graph, and run it again, with a new handle of the storage each time."""
    with tempfile.TemporaryDirectory() as folder, _running_server(Path(folder) / "log") as url:
        options = {"key": "key", "secret": "secret", "endpoint_url": url}
        S3FileSystem(**options).mkdir("bucket")
        leaf = fan(NODES)

        def second_run() -> None:
            again = LocalWorkflow(leaf, workflow_name=NAME)
            again.set_storage(S3FileStorage("bucket/results", options))
            again.run()

        second_run()  # The first.
        before = _requests(Path(folder) / "log")
        second_run()
        made = _requests(Path(folder) / "log") - before
        needed = -(-NODES // KEYS_PER_LISTING) + len(("index", "leaf"))
        work = f"second run on S3, {NODES:,} stored nodes"
        yield Result(17, f"requests of a {work}", "listing, index, leaf", made / needed, 1.0)

        storage = S3FileStorage("bucket/results", options)
        names = storage.list_tasks(NAME, "*")
        times = compare(
            {
                "ours": second_run,
                "reading": lambda: [storage.read_task(NAME, name) for name in names],
            },
            scale,
        )
        yield Result(17, work, "reading every result", times["ours"] / times["reading"], None)


@contextmanager
def _running_server(log: Path) -> Iterator[str]:
    """Run an S3 server that logs each request; give its URL."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    port = free_port()
    command = [sys.executable, "-m", server.__name__, "-H", "127.0.0.1", "-p", str(port)]
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/moto-api/", log, START_TIMEOUT_S):
        yield url


def _requests(log: Path) -> int:
    """Return how many requests the server has answered."""
    return log.read_text().count(" HTTP/1.1")
