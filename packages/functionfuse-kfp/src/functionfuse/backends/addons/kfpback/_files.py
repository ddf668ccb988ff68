"""Which files of the user's directory go into the image."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from functionfuse.storage.filenames import encode_filename
from functionfuse.storage.filestorage import FileStorage
from functionfuse.storage.lookup import INTERNAL_FOLDER

__all__ = ["check_folder", "folders_of", "users_files"]

IGNORE = ".dockerignore"

JUNK = (
    "**/.DS_Store",
    "**/.aws",
    "**/.azure",
    "**/.config/gcloud",
    "**/.docker",
    "**/.env",
    "**/.env.*",
    "**/.git",
    "**/.git-credentials",
    "**/.gnupg",
    "**/.hg",
    "**/.ipynb_checkpoints",
    "**/.kube",
    "**/.mypy_cache",
    "**/.netrc",
    "**/.nox",
    "**/.pypirc",
    "**/.pytest_cache",
    "**/.ruff_cache",
    "**/.ssh",
    "**/.tox",
    "**/.venv",
    "**/*.pyc",
    "**/__pycache__",
    "**/node_modules",
)
"""What never goes into an image: caches, other Pythons, and where secrets usually are."""


def check_folder(folder: Path) -> None:
    """Refuse a folder that nobody means to ship as a whole.

    Raises
    ------
    ValueError
        If it is the root or the user's home, without a list of what is left out.
    """
    place = folder.resolve()
    if place in (Path(place.anchor), Path.home().resolve()) and not (folder / IGNORE).is_file():
        msg = (
            f"the files of the current directory go into the image, and it is {str(place)!r}: run "
            f"the workflow in a folder of its own, or say in {IGNORE} what does not belong there"
        )
        raise ValueError(msg)


def folders_of(storage: Any, workflow_name: str) -> list[Path]:
    """Return the folders of a storage: one by one where its root has the user's files, too."""
    if not isinstance(storage, FileStorage):
        return []
    root = Path(storage.root)
    if root.resolve() != Path.cwd().resolve():
        return [root]
    internal = root / INTERNAL_FOLDER
    names = {encode_filename(workflow_name, folds_case=folds_case) for folds_case in (True, False)}
    known = {path.name for path in internal.iterdir()} if internal.is_dir() else set()
    return [internal, *[root / name for name in names | known]]


def users_files(folder: Path, left_out: Collection[Path]) -> Iterator[str]:
    """Yield the paths of the files that go into the image, also through links to folders.

    Parameters
    ----------
    folder
        The user's directory.
    left_out
        Folders and files that do not go into the image.

    Raises
    ------
    PermissionError
        If one can't be read.
    """
    from docker.utils.build import PatternMatcher

    ignore = folder / IGNORE
    lines = ignore.read_text().splitlines() if ignore.is_file() else []
    own = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    # The user's come last, so that an exception among them brings something back.
    matcher = PatternMatcher([*JUNK, *own])
    for path in _walk(folder, "", matcher, {path.resolve() for path in left_out}):
        if path != IGNORE:  # Docker itself never leaves it out.
            yield path


def _walk(folder: Path, prefix: str, matcher: Any, closed: Collection[Path]) -> Iterator[str]:
    """Yield files, but none of what is closed, as for links the folders around are."""
    here = folder / prefix
    closed = {*closed, here.resolve()}
    try:
        if prefix and (here / "pyvenv.cfg").exists():  # It is a virtual environment.
            return
        for place in sorted(here.iterdir()):
            path = f"{prefix}{place.name}"
            is_ignored = matcher.matches(path)
            if is_ignored and not _has_exceptions(path, matcher):
                continue
            is_folder = place.is_dir()
            if not (is_folder or place.is_file()) or place.resolve() in closed:
                continue
            if is_folder:
                yield from _walk(folder, f"{path}/", matcher, closed)
            elif not is_ignored:
                if not os.access(place, os.R_OK):
                    raise _unreadable(path)
                yield path
    except PermissionError as error:
        raise (error if error.errno is None else _unreadable(prefix or str(folder))) from None


def _has_exceptions(path: str, matcher: Any) -> bool:
    return any(p.exclusion and p.cleaned_pattern.startswith(path) for p in matcher.patterns)


def _unreadable(path: str) -> PermissionError:
    msg = (
        f"{path!r} can't be read, and would go into the image: make it readable, or name it in "
        f"{IGNORE}"
    )
    return PermissionError(msg)
