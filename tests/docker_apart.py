"""Docker of the tests' own: an engine, a registry, and an image made without any network."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from functionfuse.testing import require, unavailable
from processes import free_port, started

START_TIMEOUT_S = 60.0
DEFAULT_HOST = "unix:///var/run/docker.sock"
LABEL = "functionfuse-tests-base"
HOME = str(Path.home())
"""Where uv and pip have their settings and cache, whatever home a test has."""
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
VERSION = "{}.{}".format(*sys.version_info)
PROGRAMS = """
    sh bash env cat ls cp mv rm mkdir rmdir ln chmod chown touch head tail sort wc tr cut sed grep
    find tar gzip sleep date id echo test true false dirname basename mktemp stat which
"""
LIBRARIES = ("libstdc++", "libgcc_s", "libpthread", "libdl", "librt", "libutil")
"""What wheels may need, and nothing else in the image does."""
LEFT_OUT = re.compile(
    r"/(test|idlelib|tkinter|turtledemo|lib2to3|config-[^/]*|site-packages|dist-packages)$"
    r"|\.opt-[12]\.pyc$|\.a$|/EXTERNALLY-MANAGED$"
)
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
    "etc/pip.conf": f"[global]\ncert = {CERTIFICATES}\ndisable-pip-version-check = true\n"
    "root-user-action = ignore\n",
}


@contextmanager
def engine(folder: Path) -> Iterator[str]:
    """Have an engine for this process and its children; give its URL."""
    (folder / "config").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_CONFIG", str(folder / "config"))
        if _engine_answers():
            yield os.environ.get("DOCKER_HOST", DEFAULT_HOST)
            return
        if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("dockerd"):
            unavailable("no Docker Engine answers, and only root, with dockerd, can start one")
        for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
            patch.delenv(name, raising=False)
        # Not pytest's folder: the paths of sockets must be short.
        with tempfile.TemporaryDirectory(prefix="docker") as short:
            url = f"unix://{short}/docker.sock"
            patch.setenv("DOCKER_HOST", url)
            command = ("dockerd", "--host", url, "--data-root", str(folder / "data"))
            files = ("--exec-root", f"{short}/exec", "--pidfile", f"{short}/pid")
            log = folder / "dockerd.log"
            try:
                with started(*command, *files, log=log) as process:
                    _wait_until(_engine_answers, process, log)
                    yield url
            finally:
                subprocess.run(["umount", f"{short}/exec/netns/default"], capture_output=True)
                shutil.rmtree(folder / "data", ignore_errors=True)


@contextmanager
def registry(folder: Path, user: str, password: str) -> Iterator[str]:
    """Run a registry that this user alone may use; give its address."""
    for program in ("docker-registry", "htpasswd"):
        if not shutil.which(program):
            unavailable(f"{program} is not installed")
    users = folder / "htpasswd"
    make_users = ["htpasswd", "-B", "-i", "-c", str(users), user]
    subprocess.run(make_users, input=password, text=True, check=True, capture_output=True)
    port = free_port()
    config, log = folder / "config.yml", folder / "registry.log"
    config.write_text(
        "version: 0.1\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'images'}}}}}\n"
        f'http: {{addr: "127.0.0.1:{port}"}}\n'
        f"auth: {{htpasswd: {{realm: tests, path: {users}}}}}\n"
    )

    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            return False
        return True

    with started("docker-registry", "serve", str(config), log=log) as process:
        _wait_until(answers, process, log)
        yield f"127.0.0.1:{port}"


@contextmanager
def base_image(client: Any, name: str, packages: Sequence[str] = ()) -> Iterator[str]:
    """Make an image of this Python, with pip, packages and a shell; give its tag.

    It has files of this machine, each where it is here: an interpreter finds its libraries so.
    At the end it goes, and all that was built on it: images have the labels of their base.
    """
    tag = f"functionfuse-tests/{name}:{VERSION}-{uuid4().hex}"
    _import_image(client, tag, packages)
    try:
        yield tag
    finally:
        label, left = {"label": f"{LABEL}={tag}"}, None
        while (images := client.images.list(all=True, filters=label)) and len(images) != left:
            left = len(images)
            for image in images:
                # It went with one built on it, or has to wait for that.
                with suppress(require("docker").errors.APIError):
                    client.images.remove(image.id, force=True)


def _import_image(client: Any, tag: str, packages: Sequence[str]) -> None:
    python = f"{sys.base_prefix}/bin/python{VERSION}"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    command = [python, "-I", "-c", ask]
    site = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    library = f"{sys.base_prefix}/lib/python{VERSION}"
    binaries = [python, *filter(None, map(shutil.which, PROGRAMS.split()))]
    with tempfile.TemporaryDirectory() as installed, tempfile.TemporaryFile() as file:
        if packages:
            _install(packages, installed)
        with zipfile.ZipFile(_pip_wheel()) as wheel:
            wheel.extractall(installed)
        with tarfile.open(fileobj=file, mode="w") as tar:
            for name in ("/bin", "/lib", "/lib64"):  # links, where they are not folders
                if Path(name).is_symlink():
                    tar.add(name)
            for name, mode in {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o755}.items():
                _add(tar, name, mode, kind=tarfile.DIRTYPE)
            for name, text in TEXTS.items():
                _add(tar, name, 0o644, text)
            for name in ("python", "python3"):
                _add(tar, f"usr/local/bin/{name}", 0o755, f'#!/bin/sh\nexec {python} "$@"\n')
            _add(tar, "usr/local/bin/pip", 0o755, f'#!/bin/sh\nexec {python} -m pip "$@"\n')
            tar.add(library, _place(library), filter=_part_of_python)
            tar.add(installed, _place(site), filter=_for_all)
            certificates = ssl.get_default_verify_paths().cafile or CERTIFICATES
            if Path(certificates).exists():
                tar.add(Path(certificates).resolve(), CERTIFICATES, filter=_for_all)
            modules = [*Path(library, "lib-dynload").glob("*.so"), *Path(installed).rglob("*.so")]
            needed = [*binaries, *_libraries([*binaries, *map(str, modules)])]
            places = {_place(path): path for path in needed if not path.startswith(installed)}
            for place, path in places.items():
                tar.add(Path(path).resolve(), place, filter=_for_all)
        file.seek(0)
        path = f"{sys.base_prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        changes = [f"ENV PATH={path}", f"ENV SSL_CERT_FILE={CERTIFICATES}", 'CMD ["python3"]']
        changes.append(f"LABEL {LABEL}={tag}")
        repository, _, version = tag.rpartition(":")
        client.api.import_image_from_data(file, repository, version, changes)
    client.images.get(tag)


def _engine_answers() -> bool:
    docker = require("docker")
    host = os.environ.get("DOCKER_HOST", DEFAULT_HOST)
    try:
        if host.startswith("unix://"):  # a client would not close the socket that can't connect
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(host.removeprefix("unix://"))
        docker.from_env().close()
    except (OSError, docker.errors.DockerException):
        return False
    return True


def _wait_until(is_so: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while not is_so():
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(f"{process.args!r} does not answer: {log.read_text()}")
        time.sleep(0.05)


def _install(packages: Iterable[str], folder: str) -> None:
    """Install packages for this Python, with their bytecode: a container would not keep it."""
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--python", sys.executable, "--compile-bytecode"]
    else:
        command = [sys.executable, "-m", "pip", "install"]
    command += ["--quiet", "--target", folder, *packages]
    env = {**os.environ, "HOME": HOME}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


def _pip_wheel() -> Path:
    """Return the wheel of pip that comes with Python, or that a distribution put elsewhere."""
    folder = sysconfig.get_config_var("WHEEL_PKG_DIR")
    folder = folder or f"{sys.base_prefix}/lib/python{VERSION}/ensurepip/_bundled"
    wheels = sorted(Path(folder).glob("pip-*.whl"))
    return wheels[-1] if wheels else unavailable(f"no wheel of pip in {folder}")


def _libraries(binaries: Sequence[str]) -> set[str]:
    """Return the shared libraries that binaries need."""
    # It fails for a module that needs what is not installed, as that of Tk does.
    output = subprocess.run(["ldd", *binaries], capture_output=True, text=True).stdout
    found = set(re.findall(r"(?:=>|^)\s+(/\S+) \(0x", output, re.MULTILINE))
    libc = next(Path(path).parent for path in found if path.endswith("/libc.so.6"))
    also = (str(path) for name in LIBRARIES for path in libc.glob(f"{name}.so.?"))
    return {*found, *also}


def _place(path: str) -> str:
    """Return a path without the links that `/bin` and `/lib` may be."""
    top, _, rest = path.lstrip("/").partition("/")
    return f"{Path('/', top).resolve()}/{rest}"


def _part_of_python(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if LEFT_OUT.search(info.name) else _for_all(info)


def _for_all(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    if info.isdir():
        info.mode = 0o755  # a folder of `tempfile` is its owner's alone
    return info


def _add(
    tar: tarfile.TarFile, name: str, mode: int, text: str = "", kind: bytes = tarfile.REGTYPE
) -> None:
    info = tarfile.TarInfo(name)
    info.mode, info.type, info.size = mode, kind, len(text)
    tar.addfile(info, BytesIO(text.encode()))
