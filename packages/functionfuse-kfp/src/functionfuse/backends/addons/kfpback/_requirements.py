"""What is to be installed in the image."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["read_requirements"]

_OURS = re.compile(r"functionfuse([-_.][\w.-]+)?\s*($|[\[<>=!~;@ ])", re.IGNORECASE)
_COMMENT = re.compile(r"(^|\s)#.*")
_OPTION = re.compile(r"(-[rcef]|--(?:requirement|constraint|editable|find-links))?[\s=]*(.*)")


def read_requirements(folder: Path) -> str:
    """Return what is to be installed, as `requirements.txt` or else `pyproject.toml` lists it.

    Lines about functionfuse are left out, since its files are copied.

    Raises
    ------
    ValueError
        If a line names a file of the directory.
    """
    listed, project = folder / "requirements.txt", folder / "pyproject.toml"
    if listed.is_file():
        lines = list(_lines(listed))
    elif project.is_file():
        lines = _load_toml(project).get("project", {}).get("dependencies", [])
    else:
        return ""
    kept = [line for line in lines if not _OURS.match(line.strip())]
    return "\n".join([*kept, ""]) if any(line.strip() for line in kept) else ""


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file, and of those that it includes."""
    for line in re.sub(r"\\\r?\n\s*", " ", path.read_text()).splitlines():
        option, value = _split(line)
        if not _is_relative(option, value):
            yield line
        elif option in ("-r", "--requirement") and (path.parent / value).is_file():
            yield from _lines(path.parent / value)
        else:
            msg = (
                f"{path.name} has the line {line.strip()!r}, which names a file, and those of the "
                "directory are not there yet when the image installs what is listed: list what pip "
                "finds by a name; packages of the directory are found where Python finds them now"
            )
            raise ValueError(msg)


def _split(line: str) -> tuple[str | None, str]:
    """Split a line into the option about a file, if it is one, and what follows."""
    found = _OPTION.fullmatch(_COMMENT.sub("", line).strip())
    assert found is not None  # Every part of it may be absent.
    return found[1], found[2]


def _is_relative(option: str | None, value: str) -> bool:
    """Tell whether pip takes it for a file of the directory; other paths are of the base image."""
    if value.startswith("/") or "://" in value or not value:
        return False
    return bool(option) or "/" in value or value.startswith(".") or value.endswith(".whl")


def _load_toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(path.read_text())
