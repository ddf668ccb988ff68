"""What is S3's own: requests for which the interface of fsspec has no words.

That interface tells no ETag of what was written, reads a part of whatever is there now,
even if the part before was of an older object, uploads one part after the other, and
removes many objects without a word of those that it could not. Another file system of
fsspec would need these functions, and nothing else, in its own words.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError
from fsspec.asyn import sync
from s3fs import S3FileSystem
from s3fs.core import S3_RETRYABLE_ERRORS

from functionfuse.storage.format import Buffer
from functionfuse.storage.s3storage._errors import is_beyond_end

__all__ = [
    "PARALLEL_PARTS",
    "PART_BYTES",
    "Range",
    "Upload",
    "check_exists",
    "get_range",
    "list_objects",
    "open_file_system",
    "probe",
    "remove_objects",
]

PART_BYTES = 16 << 20
"""Size of the requests that a large object is written and read with."""

PARALLEL_PARTS = 6
"""So many parts are on their way at once, each a copy of its part of the object."""

MAX_PARTS = 10_000
REMOVED_AT_ONCE = 1000
READ_ATTEMPTS = 3
PROBE_TIMEOUT_S = 20.0

CONFIG = {
    "connect_timeout": 3,
    "retries": {"mode": "standard", "total_max_attempts": 3},
    "max_pool_connections": 32,
}
"""An endpoint that is down is given up within seconds; where they are set, the user's hold."""


def open_file_system(arguments: Mapping[str, Any], *, shared: bool) -> S3FileSystem:
    """Return a file system that never trusts an old listing.

    Parameters
    ----------
    arguments
        Those of `s3fs.S3FileSystem`.
    shared
        Whether all such calls in this process may get the same one: it is quicker to have,
        but stays at the credentials that the environment had for the first.
    """
    fixed = {
        "config_kwargs": {**CONFIG, **arguments.get("config_kwargs", {})},
        "use_listings_cache": False,
        "skip_instance_cache": not shared,
    }
    return S3FileSystem(**{**arguments, **fixed})


class Range(NamedTuple):
    """Some of an object's bytes."""

    data: bytes
    etag: str
    """Which of the objects that were ever under the path this is."""
    total: int
    """Size of the whole object."""


def get_range(fs: S3FileSystem, path: str, start: int, nbytes: int) -> Range:
    """Read some bytes of an object, fewer if it ends before."""
    return sync(fs.loop, _get_range, fs, path, start, nbytes)  # type: ignore[no-any-return]


async def _get_range(
    fs: S3FileSystem, path: str, start: int, nbytes: int, attempts: int = READ_ATTEMPTS
) -> Range:
    interval = f"bytes={start}-{start + nbytes - 1}"
    try:
        response = await fs._call_s3("get_object", **_target(fs, path), Range=interval)
    except OSError as error:
        if start == 0 and is_beyond_end(error):  # It is empty.
            return Range(b"", "", 0)
        raise
    try:
        with contextlib.closing(response["Body"]) as body:
            data = await body.read()
    except S3_RETRYABLE_ERRORS:  # The connection broke while the bytes came.
        if attempts == 1:
            raise
        return await _get_range(fs, path, start, nbytes, attempts - 1)
    total = response.get("ContentRange", "").rpartition("/")[2]
    return Range(data, _etag(response), int(total or len(data)))


def list_objects(fs: S3FileSystem, root: str, prefix: str) -> Iterator[tuple[str, int, str]]:
    """Yield the rest of the key, the size and the ETag of all objects under a prefix."""
    found: Any = fs.find(root, prefix=prefix, detail=True)
    skip = len(f"{root}/{prefix}")
    return ((path[skip:], info["size"], _etag(info)) for path, info in found.items())


def remove_objects(fs: S3FileSystem, paths: Iterable[str]) -> None:
    """Remove objects, all in one bucket, with a request for each thousand."""
    targets = [_target(fs, path) for path in paths]
    for start in range(0, len(targets), REMOVED_AT_ONCE):
        some = targets[start : start + REMOVED_AT_ONCE]
        response: Any = fs.call_s3(
            "delete_objects",
            Bucket=some[0]["Bucket"],
            Delete={"Objects": [{"Key": target["Key"]} for target in some], "Quiet": True},
        )
        for failure in response.get("Errors", ()):
            msg = f"S3 did not remove {failure['Key']!r}: {failure['Code']}"
            raise OSError(msg)


def probe(fs: S3FileSystem, path: str) -> None:
    """Write an empty object, to find out whether that can be done, soon."""
    sync(fs.loop, fs._call_s3, "put_object", **_target(fs, path), timeout=PROBE_TIMEOUT_S)


def check_exists(fs: S3FileSystem, path: str) -> None:
    """Raise FileNotFoundError unless there is an object."""
    fs.call_s3("head_object", **_target(fs, path))


class Upload:
    """Writes an object: a small one with one request, a large one in parallel parts.

    Until `commit`, whatever was under the path before stays.

    Parameters
    ----------
    fs, path
        Where to.
    """

    def __init__(self, fs: S3FileSystem, path: str) -> None:
        self._fs = fs
        self._target = _target(fs, path)
        self._part = bytearray()
        self._pool: ThreadPoolExecutor | None = None
        self._sent: list[Future[Any]] = []
        self.nbytes = 0

    def write(self, data: Buffer) -> None:
        """Take bytes; a part is sent once it is known not to be the last."""
        rest = memoryview(data)
        self.nbytes += len(rest)
        while len(rest):
            if len(self._part) == PART_BYTES:
                self._send()
            room = PART_BYTES - len(self._part)
            self._part += rest[:room]
            rest = rest[room:]

    def _send(self) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(PARALLEL_PARTS, "functionfuse-upload")
            response: Any = self._fs.call_s3("create_multipart_upload", **self._target)
            self._target["UploadId"] = response["UploadId"]
        number = len(self._sent) + 1
        if number > MAX_PARTS:
            msg = f"a result in S3 has at most {MAX_PARTS} parts of {PART_BYTES} bytes"
            raise OSError(msg)
        if number > PARALLEL_PARTS:
            self._sent[-PARALLEL_PARTS].result()
        body, self._part = bytes(self._part), bytearray()
        part = {**self._target, "PartNumber": number, "Body": body}
        self._sent.append(self._pool.submit(self._fs.call_s3, "upload_part", **part))

    def commit(self) -> str:
        """Put the object in place; return its ETag."""
        if self._pool is None:
            body = bytes(self._part)
            response: Any = self._fs.call_s3("put_object", **self._target, Body=body)
            return _etag(response)
        self._send()
        parts = [
            {"PartNumber": number, **_proof(sent.result())}
            for number, sent in enumerate(self._sent, 1)
        ]
        self._pool.shutdown()
        whole = {"MultipartUpload": {"Parts": parts}}
        response = self._fs.call_s3("complete_multipart_upload", **self._target, **whole)
        return _etag(response)

    def discard(self) -> None:
        """Forget all that was written."""
        if self._pool is None:
            return
        self._pool.shutdown(cancel_futures=True)
        if "UploadId" in self._target:
            # If that fails too, the bucket's rule for incomplete uploads removes the parts.
            with contextlib.suppress(OSError, BotoCoreError):
                self._fs.call_s3("abort_multipart_upload", **self._target)


def _target(fs: S3FileSystem, path: str) -> dict[str, Any]:
    bucket, key, _ = fs.split_path(path)
    return {"Bucket": bucket, "Key": key}


def _etag(response: Mapping[str, Any]) -> str:
    return str(response["ETag"]).strip('"')


def _proof(response: Mapping[str, Any]) -> dict[str, Any]:
    """Return what S3 wants to hear again of a part when it puts the parts together."""
    return {
        name: value
        for name, value in response.items()
        if name == "ETag" or (name.startswith("Checksum") and name != "ChecksumType")
    }
