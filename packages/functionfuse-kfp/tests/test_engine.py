"""A Docker Engine that refuses, or that is gone in the middle of something."""

from __future__ import annotations

import gc
import os
import socket
import tempfile
import threading
from contextlib import contextmanager, suppress
from shutil import copyfileobj

import pytest

import docker_apart
from functionfuse.backends.addons.kfpback import ImageError
from functionfuse.backends.addons.kfpback._context import Context
from functionfuse.backends.addons.kfpback._image import Engine
from functionfuse.backends.addons.kfpback._registry import Registry
from functionfuse.testing import require

require("docker")


@contextmanager
def link(target):
    """Give the address of a link to an engine's socket, and what cuts it."""
    pairs = []

    def pass_on(source, sink):
        with suppress(OSError), source.makefile("rb", 0) as read, sink.makefile("wb", 0) as write:
            copyfileobj(read, write)

    def listen(listener):
        with suppress(OSError):
            while True:
                pair = listener.accept()[0], socket.socket(socket.AF_UNIX)
                pair[1].connect(target)
                pairs.append(pair)
                for one, other in (pair, pair[::-1]):
                    threads.append(threading.Thread(target=pass_on, args=(one, other)))
                    threads[-1].start()

    def cut():
        for one in (listener, *[one for pair in pairs for one in pair]):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/socket")
        listener.listen()
        threads = [threading.Thread(target=listen, args=(listener,))]
        threads[0].start()
        try:
            yield f"unix://{folder}/socket", cut
        finally:
            cut()
            for thread in threads:
                thread.join()
            for one in [one for pair in pairs for one in pair]:
                one.close()


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # of Docker's client
@pytest.mark.parametrize(
    "act",
    [
        lambda engine, image, folder: engine.find_base(image),
        lambda engine, image, folder: engine.find_base("absent.invalid/absent"),
        lambda engine, image, folder: engine.build(Context(folder, image, {}, None, []), "w"),
        lambda engine, image, folder: engine.check(image, ["sleep", "60"], {}),
        lambda engine, image, folder: engine.push(image),
    ],
)
def test_an_engine_that_is_gone_is_told(docker_engine, base_image, monkeypatch, tmp_path, act):
    host = os.environ.get("DOCKER_HOST", docker_apart.DEFAULT_HOST)
    if not host.startswith("unix://"):
        pytest.skip("the engine is not at a socket of this machine")
    with link(host.removeprefix("unix://")) as (url, cut):
        monkeypatch.setenv("DOCKER_HOST", url)
        with Engine(Registry({})) as engine:
            assert engine.find_base(base_image)
            cut()
            with pytest.raises(ConnectionError, match=r"Docker Engine does not answer when it is"):
                act(engine, base_image, tmp_path)
    gc.collect()


def test_what_an_engine_refuses_is_told(docker_engine, base_image):
    with Engine(Registry({})) as engine:
        with pytest.raises(
            ImageError, match=r"Docker can't run the container of 'check': .*absent"
        ):
            engine.check("absent:1", ["true"], {})
        with pytest.raises(
            ImageError, match=r"Docker can't run the container of 'check': .*/absent"
        ):
            engine.check(base_image, ["/absent"], {})
        with pytest.raises(ImageError, match="Docker can't push 'absent:1'"):
            engine.push("absent:1")
