"""A real S3 server in a process of its own, and buckets in it."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import s3_apart
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import require

SERIALIZED = ".functionfuse/w/files"


@pytest.fixture(scope="session", autouse=True)
def _no_credentials_of_this_machine():
    with s3_apart.no_credentials():
        yield


@pytest.fixture(scope="session")
def start_s3(tmp_path_factory):
    """Start an S3 server, with variables in its environment; return its URL."""
    with ExitStack() as servers:

        def start(**variables):
            folder = tmp_path_factory.mktemp("s3")
            return servers.enter_context(s3_apart.running(folder, **variables))

        yield start


@pytest.fixture(scope="session")
def s3_url(start_s3):
    return start_s3()


@pytest.fixture
def s3_options(s3_url):
    """Arguments of `s3fs.S3FileSystem`."""
    return {"key": "key", "secret": "secret", "endpoint_url": s3_url}


@pytest.fixture(scope="session")
def s3_client(s3_url):
    """A file system of s3fs that has nothing to do with what is tested."""
    s3fs = require("s3fs")
    return s3fs.S3FileSystem(
        key="key", secret="secret", endpoint_url=s3_url, use_listings_cache=False
    )


@pytest.fixture
def bucket(s3_client):
    """A new bucket."""
    name = f"bucket-{uuid.uuid4().hex}"
    s3_client.mkdir(name)
    return name


@pytest.fixture
def s3_storage(bucket, s3_options):
    """An empty storage in folder `results` of the bucket."""
    return _open(f"{bucket}/results", s3_options)


@pytest.fixture
def s3_again(bucket, s3_options):
    """Return another handle of the same storage."""
    return lambda: _open(f"s3://{bucket}/results/", s3_options)


def _open(path, options):
    from functionfuse.storage.s3storage import S3FileStorage

    return S3FileStorage(path, options)


@pytest.fixture
def requests_of():
    """Return a list to which each request that a storage makes from now on is added."""

    def requests_of(storage):
        requests = []

        def note(request, **_):
            url = urlsplit(request.url)
            key = unquote(url.path).partition("results/")[2]
            requests.append("LIST" if "list-type" in url.query else f"{request.method} {key}")

        storage._keeper.file_system.s3.meta.events.register("before-send.s3", note)
        return requests

    return requests_of


class _FilePlace:
    """Where a file storage keeps what serializers write."""

    def __init__(self, path):
        self.root = path
        self.storage = FileStorage(path)

    def names(self):
        return sorted(path for path in (self.root / SERIALIZED).rglob("*") if path.is_file())

    def read(self, path):
        return Path(path).read_bytes()

    def write(self, path, data):
        Path(path).write_bytes(data)

    def remove(self, path):
        Path(path).unlink()


class _S3Place:
    """Where an S3 storage keeps it."""

    def __init__(self, storage, client, bucket):
        self.root = f"{bucket}/results"
        self.storage = storage
        self.client = client

    def names(self):
        return sorted(self.client.find(f"{self.root}/{SERIALIZED}"))

    def read(self, path):
        return self.client.cat_file(path)

    def write(self, path, data):
        self.client.pipe_file(path, data)

    def remove(self, path):
        self.client.rm_file(path)


@pytest.fixture(params=["file", "S3"])
def place(request, tmp_path):
    """Return a storage and what looks at the files that serializers make for it."""
    if request.param == "file":
        return _FilePlace(tmp_path)
    fixtures = ("s3_storage", "s3_client", "bucket")
    return _S3Place(*map(request.getfixturevalue, fixtures))
