"""One Prefect, and one S3 server, for all tests."""

from __future__ import annotations

from uuid import uuid4

import pytest

import prefect_apart
import s3_apart


@pytest.fixture(scope="session", autouse=True)
def prefect_home(tmp_path_factory):
    """Return the folder of Prefect's files."""
    with prefect_apart.settings(tmp_path_factory.mktemp("prefect")) as home:
        yield home


@pytest.fixture(scope="session")
def temporary_server(prefect_home):
    """Run flows against Prefect's temporary server; return its API."""
    with prefect_apart.temporary_server() as api:
        yield api


@pytest.fixture(scope="session")
def own_server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(folder))
        with prefect_apart.server(folder) as api:
            yield api, folder


@pytest.fixture
def server(own_server, monkeypatch):
    """Have child processes run their flows against a server that was started; return its API."""
    api, folder = own_server
    monkeypatch.setenv("PREFECT_HOME", str(folder))
    monkeypatch.setenv("PREFECT_API_URL", api.url)
    return api


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory):
    with s3_apart.no_credentials(), s3_apart.running(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture
def name():
    """Return a name of a workflow that no other test has."""
    return f"w-{uuid4().hex[:8]}"
