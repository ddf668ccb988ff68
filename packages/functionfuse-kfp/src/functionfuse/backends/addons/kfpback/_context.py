"""What an image is made of: the user's files, functionfuse, pickles; and the recipe.

::

    FROM base                             layers, the steadiest first
    RUN  is it the right Python?
    COPY requirements.txt, RUN pip install
    COPY functionfuse, cloudpickle
    COPY the current directory
    COPY the pickles
"""

from __future__ import annotations

import io
import os
import platform
import re
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import IO

import cloudpickle

import functionfuse
from functionfuse.backends.addons.kfpback._files import users_files
from functionfuse.backends.addons.kfpback._requirements import read_requirements
from functionfuse.backends.addons.kfpcontainer import APP, LIBRARY, STORAGE, VALUES

__all__ = ["PYTHON", "Context"]

PYTHON = ".".join(platform.python_version_tuple()[:2])

_CHECK = (
    "import sys; v = '%d.%d' % sys.version_info[:2]; "
    "sys.exit(0 if v == '{0}' else 'the base image has Python ' + v + ', the workflow was made "
    "with {0}: give a base image with Python {0}')"
)


class Context:
    """The content of an image.

    Parameters
    ----------
    folder
        The user's directory.
    base
        The base image, by its identity.
    values
        Pickles by their digests.
    storage
        Pickle of the storage's handle, if the image is to have it.
    left_out
        Folders that do not go into the image, such as that of the storage.
    """

    def __init__(
        self,
        folder: Path,
        base: str,
        values: Mapping[str, bytes],
        storage: bytes | None,
        left_out: Sequence[Path],
    ) -> None:
        self._files: dict[str, Path | bytes] = {}
        self.requirements = read_requirements(folder)
        if self.requirements:
            self._files["requirements.txt"] = self.requirements.encode()
        self._add_folders("lib/functionfuse", map(Path, functionfuse.__path__))
        self._add_folders("lib/cloudpickle", map(Path, cloudpickle.__path__))
        self._files.update({f"app/{p}": folder / p for p in users_files(folder, left_out)})
        self._named = {f"values/{digest}": data for digest, data in values.items()}
        if storage is not None:
            self._files["storage"] = storage
        search = _search_path(folder)
        self.dockerfile = _dockerfile(base, search, bool(self.requirements), storage is not None)

    @property
    def nbytes(self) -> int:
        """Size of the user's files."""
        return sum(
            file.stat().st_size
            for name, file in self._files.items()
            if name.startswith("app/") and isinstance(file, Path)
        )

    def parts(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the user put into it: what to call each, and its content."""
        for name, file in self._files.items():
            if name.startswith("app/") and isinstance(file, Path):
                yield repr(name.removeprefix("app/")), file.read_bytes()
            elif isinstance(file, bytes):
                yield f"the {name}", file
        for data in self._named.values():
            yield "an argument of a node, or in a function that is pickled", data

    def digest(self) -> str:
        """Return the digest of all of it: the tag of the image."""
        total = blake2b(self.dockerfile.encode(), digest_size=10)
        for name, file in sorted(self._files.items()):
            content = file if isinstance(file, bytes) else file.read_bytes()
            total.update(f"{name}\0{_mode(file):o}\0{len(content)}\0".encode("utf-8", "replace"))
            total.update(content)
        for name in sorted(self._named):  # By their names, since these are digests.
            total.update(name.encode())
        return total.hexdigest()

    def write(self) -> IO[bytes]:
        """Return it as the archive that a Docker Engine builds from."""
        stream = tempfile.TemporaryFile()  # noqa: SIM115  The caller closes it.
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
            files = {**self._files, **self._named}
            inner = {str(folder) for name in files for folder in PurePosixPath(name).parents}
            for folder in sorted({"app", "values", *inner} - {"."}):
                _add(archive, folder, None)
            _add(archive, "Dockerfile", self.dockerfile.encode())
            for name, file in sorted(files.items()):
                _add(archive, name, file)
        stream.seek(0)
        return stream

    def _add_folders(self, target: str, folders: Iterable[Path]) -> None:
        """Add Python's files of a package, which may lie in several places."""
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if path.suffix in (".py", ".typed") and path.is_file():
                    name = f"{target}/{path.relative_to(folder).as_posix()}"
                    self._files.setdefault(name, path)


def _dockerfile(base: str, search: str, has_requirements: bool, has_storage: bool) -> str:
    install = (
        "COPY requirements.txt /functionfuse/requirements.txt\n"
        'RUN ["python3", "-m", "pip", "install", "--no-cache-dir", '
        '"-r", "/functionfuse/requirements.txt"]\n'
    )
    return (
        f"FROM {base}\n"
        f'RUN ["python3", "-c", "{_CHECK.format(PYTHON)}"]\n'
        + (install if has_requirements else "")
        + f"COPY lib {LIBRARY}\n"
        f"COPY app {APP}\n"
        f"COPY values {VALUES}\n"
        + (f"COPY storage {STORAGE}\n" if has_storage else "")
        + f"ENV PYTHONPATH={_quoted(search)}${{PYTHONPATH:+:$PYTHONPATH}} "
        "PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1\n"
        f"WORKDIR {APP}\n"
        "ENTRYPOINT []\n"
    )


def _quoted(text: str) -> str:
    """Return text as Docker reads it in a recipe, without expanding what looks like a variable."""
    return '"' + re.sub(r'(["\\$])', r"\\\1", text) + '"'


def _search_path(folder: Path) -> str:
    """Return where modules are looked for: among the user's files as now, then in ours."""
    root = folder.resolve()
    places = [APP]
    for entry in sys.path:
        path = Path(entry or ".").resolve()
        if path.is_relative_to(root) and path.is_dir() and "site-packages" not in path.parts:
            places.append((PurePosixPath(APP) / path.relative_to(root).as_posix()).as_posix())
    return ":".join(dict.fromkeys([*places, LIBRARY]))


def _mode(file: Path | bytes) -> int:
    is_program = isinstance(file, Path) and os.access(file, os.X_OK)
    return 0o777 if is_program else 0o666


def _add(archive: tarfile.TarFile, name: str, file: Path | bytes | None) -> None:
    """Add a file, or for None a folder, as everybody's and without its time: layers are cached."""
    info = tarfile.TarInfo(name)
    if file is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o777
        archive.addfile(info)
        return
    info.mode = _mode(file)
    if isinstance(file, bytes):
        info.size = len(file)
        archive.addfile(info, io.BytesIO(file))
        return
    info.size = file.stat().st_size
    with file.open("rb") as content:
        archive.addfile(info, content)
