"""One Docker Engine, one registry and one S3 server for all tests; a pipeline server for each."""

from __future__ import annotations

import importlib
import subprocess
import sys
from contextlib import ExitStack
from textwrap import dedent
from types import SimpleNamespace
from uuid import uuid4

import pytest

import docker_apart
import kfp_apart
import s3_apart
from functionfuse.testing import require


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory):
    """Keep the user's files, which the client of KFP reads, from the tests."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        if kfp := sys.modules.get("kfp"):  # it looked for the home when a test imported it
            context = str(folder / ".config" / "kfp" / "context.json")
            patch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", context)
        yield folder


@pytest.fixture(scope="session")
def docker_engine(tmp_path_factory):
    """Return a client of a Docker Engine, which `DOCKER_HOST` names."""
    with docker_apart.engine(tmp_path_factory.mktemp("docker")):
        client = require("docker").from_env()
        yield client
        client.close()


@pytest.fixture(scope="session")
def base_image(docker_engine):
    """Return the tag of an image with this Python, pytest, numpy and s3fs."""
    packages = ["pytest", "numpy", "s3fs"]
    with docker_apart.base_image(docker_engine, "base", packages) as tag:
        yield tag


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """Return a private registry, with the one who may use it."""
    user, password = "robot", uuid4().hex
    with docker_apart.registry(tmp_path_factory.mktemp("registry"), user, password) as server:
        yield SimpleNamespace(server=server, username=user, password=password)


@pytest.fixture
def new_kfp_server(docker_engine, tmp_path_factory):
    """Return a function that starts a server; it takes what `kfp_apart.kfp_server` takes."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            kfp_apart.kfp_server(tmp_path_factory.mktemp("kfp"), **options)
        )


@pytest.fixture
def kfp_server(new_kfp_server):
    """Return a server that anyone may use."""
    return new_kfp_server()


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory):
    with s3_apart.no_credentials(), s3_apart.running(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Be in a new directory; return a function that writes a module there and imports it."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # it may be older than the module

    def write(text, name="steps"):
        (folder / f"{name}.py").write_text(dedent(text))
        monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        module = importlib.import_module(name)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return write


@pytest.fixture
def run_script(docker_engine, base_image, tmp_path):
    """Return a function that runs a script in a folder of its own."""
    folder = tmp_path / "script"
    folder.mkdir()

    def run_script(text, *, start=subprocess.run, name="run.py"):
        (folder / name).write_text(dedent(text))
        command = [sys.executable, name, base_image, str(tmp_path / "storage")]
        return start(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    return run_script


@pytest.fixture
def built(docker_engine, base_image):
    """Return a function that gives the images that were built on the base image."""
    filters = {"label": f"{docker_apart.LABEL}={base_image}"}
    return lambda: {image.id for image in docker_engine.images.list(all=True, filters=filters)}


@pytest.fixture
def containers(docker_engine, base_image):
    """Return a function that gives the containers of workflows of these tests, running or not."""
    filters = {"label": f"{docker_apart.LABEL}={base_image}"}
    return lambda: docker_engine.containers.list(all=True, filters=filters)
