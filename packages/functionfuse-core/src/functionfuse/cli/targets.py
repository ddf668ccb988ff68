"""What command lines name: nodes in files, backends, storages."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from functionfuse.cli.errors import USAGE_ERROR, UsageError, UserCodeError
from functionfuse.node import Item, Node
from functionfuse.registry import STORAGES
from functionfuse.storage.base import Storage
from functionfuse.storage.factory import storage_factory

__all__ = ["Target", "find_storage", "find_target", "read_options"]


class Target(NamedTuple):
    """Nodes that a command is about."""

    nodes: Sequence[Any]
    name: str
    """Of the file or module, without folder and suffix: what a workflow is called by default."""


def find_target(text: str) -> Target:
    """Import the file and find the nodes that `FILE:NODE` stands for.

    Parameters
    ----------
    text
        Path of a Python file, or name of a module, and name of a variable in it that holds a
        node, an item of one, or a list of these.

    Raises
    ------
    UsageError
        If there is no such file or no such node.
    UserCodeError
        If the file fails when it is imported.
    """
    source, colon, variable = text.rpartition(":")
    if not colon or not source or not variable:
        msg = f"nodes are given as FILE:NODE, such as steps.py:model, got {text!r}"
        raise UsageError(msg)
    module = _import_source(source)
    if variable not in vars(module):
        known = ", ".join(map(repr, _node_names(module))) or "none"
        msg = f"{source} has no variable {variable!r}; those that hold nodes: {known}"
        raise UsageError(msg)
    value = vars(module)[variable]
    nodes = value if isinstance(value, (list, tuple)) else [value]
    return Target(nodes, module.__name__.rpartition(".")[2])


def _node_names(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        given = value if isinstance(value, (list, tuple)) else [value]
        if given and all(isinstance(one, (Node, Item)) for one in given):
            yield name


def _import_source(source: str) -> ModuleType:
    path = Path(source)
    is_file = path.suffix == ".py" or path.is_file()
    if is_file and not path.is_file():
        msg = f"there is no file {source!r}"
        raise UsageError(msg)
    try:
        return _import_file(path.resolve()) if is_file else _import_module(source)
    except SystemExit as error:
        msg = (
            f"{source} ends the process when it is imported: let only "
            "`if __name__ == '__main__':` do so"
        )
        raise UsageError(msg) from error
    except UsageError:
        raise
    except Exception as error:  # The file raises what it likes.
        raise UserCodeError(error, USAGE_ERROR) from error


def _import_file(path: Path) -> ModuleType:
    """Import a file under its stem, by which other processes find it, too."""
    name = path.stem
    sys.path.insert(0, str(path.parent))
    loaded = sys.modules.get(name)
    if loaded is not None:
        if getattr(loaded, "__file__", None) == str(path):
            return loaded
        msg = f"{path.name} is called like a module that is loaded, {name!r}: rename the file"
        raise UsageError(msg)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        msg = f"{path} is no Python file: its name ends in .py"
        raise UsageError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _import_module(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # It is a module that this one imports.
        msg = f"there is neither a file nor a module {name!r}"
        raise UsageError(msg) from error


def find_storage(text: str, *, must_exist: bool = False) -> Storage:
    """Make the storage that a text stands for.

    Parameters
    ----------
    text
        A folder; `KIND://PATH`, such as `s3://bucket/folder`; or JSON, as `storage_factory`
        takes it.
    must_exist
        Whether a folder that is absent is an error.

    Raises
    ------
    UsageError
        If there is no such storage.
    """
    if text.startswith("{"):
        return storage_factory(read_options(text))
    kind, separator, path = text.partition("://")
    if not separator:
        kind, path = "file", text
    kinds = {name.lower(): name for name in STORAGES.names()}
    kind = kinds.get(kind.lower(), kind)
    if kind == "file" and must_exist and not Path(path).is_dir():
        msg = f"there is no storage at {path!r}: no such folder"
        raise UsageError(msg)
    options = {"path": path}
    return storage_factory({"kind": kind, "options": options})


def read_options(text: str) -> dict[str, Any]:
    """Return what a JSON object holds.

    Raises
    ------
    UsageError
        If the text is not one.
    """
    try:
        options = json.loads(text)
    except ValueError as error:
        msg = f'options are a JSON object, such as {{"path": "a"}}: {error}'
        raise UsageError(msg) from error
    if not isinstance(options, dict):
        msg = f'options are a JSON object, such as {{"path": "a"}}, got a {type(options).__name__}'
        raise UsageError(msg)
    return options
