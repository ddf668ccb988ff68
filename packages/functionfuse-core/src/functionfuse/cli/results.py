"""The commands about storages: ls, show, rm."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sized
from datetime import datetime
from pathlib import Path
from typing import Any

from functionfuse.cli.errors import UsageError
from functionfuse.cli.output import say, say_json, say_table, shorten
from functionfuse.cli.targets import find_storage
from functionfuse.storage.base import Storage
from functionfuse.storage.contents import describe_duration, describe_size
from functionfuse.storage.format import Header
from functionfuse.storage.preview import describe_pickle

__all__ = ["ls", "rm", "show"]


def ls(options: Namespace) -> None:
    """List the workflows of a storage, or the results of one."""
    storage = find_storage(options.storage, must_exist=True)
    if options.workflow is None:
        _list_workflows(storage, options)
    else:
        _list_results(storage, options)


def _list_workflows(storage: Storage, options: Namespace) -> None:
    found = {name: list(storage.list_sizes(name).values()) for name in storage.list_workflows()}
    if options.json:
        say_json({name: {"results": len(s), "bytes": sum(s)} for name, s in found.items()})
        return
    say_table((name, _count(sizes), describe_size(sum(sizes))) for name, sizes in found.items())


def _list_results(storage: Storage, options: Namespace) -> None:
    listing = storage.list_saved(options.workflow)
    if not listing.saved and not listing.damaged:
        msg = f"{storage!r} has no results of workflow {options.workflow!r}"
        raise UsageError(msg)
    if options.json:
        found: dict[str, Any] = {
            name: {"bytes": entry.stamp.nbytes, "python": entry.python}
            for name, entry in sorted(listing.saved.items())
        }
        found |= {name: {"damaged": str(error)} for name, error in sorted(listing.damaged.items())}
        say_json(found)
        return
    rows = [
        (name, describe_size(entry.stamp.nbytes), f"Python {entry.python}")
        for name, entry in listing.saved.items()
    ]
    rows += [(name, "damaged", str(error)) for name, error in listing.damaged.items()]
    say_table(sorted(rows))


def show(options: Namespace) -> None:
    """Show what a result says of itself and is made of; it is loaded only when told."""
    storage = find_storage(options.storage, must_exist=True)
    place = options.workflow, options.node
    header = storage.read_header(*place)
    content = describe_pickle(storage.peek(*place))
    loaded = {}
    if options.load:
        value = _load(storage, *place)
        loaded = {"type": f"{type(value).__module__}.{type(value).__qualname__}"}
        loaded["value"] = shorten(value)
    if options.json:
        say_json({**header._asdict(), "content": content, **loaded})
        return
    say_table([*_describe(header), ("content", content), *loaded.items()])


def _load(storage: Storage, workflow_name: str, node: str) -> Any:
    sys.path.insert(0, str(Path.cwd()))  # Classes of results may be of modules there.
    try:
        return storage.read_task(workflow_name, node)
    except Exception as error:  # Objects unpickle by code of their own.
        msg = f"the result of {node!r} can't be loaded: {type(error).__name__}: {error}"
        raise UsageError(msg) from error


def _describe(header: Header) -> list[tuple[str, str]]:
    """Return what a header says, by what it is about."""
    rows = [("node", header.task)]
    if header.started is not None:
        rows.append(("started", f"{datetime.fromtimestamp(header.started):%Y-%m-%d %H:%M:%S}"))
    if header.duration is not None:
        rows.append(("took", describe_duration(header.duration)))
    rows.append(("python", header.python))
    sizes = [describe_size(size) for size in header.blocks]
    buffers = f", {len(sizes) - 1} buffers of {', '.join(sizes[1:4])}" if sizes[1:] else ""
    rows.append(("size", f"{sizes[0]} of {header.pickler}{buffers}{' …' * (len(sizes) > 4)}"))
    rows += [("file", f"{name}, {describe_size(size)}") for name, size, *_ in header.files]
    fingerprint = header.fingerprint or {}
    rows += [(f"argument {name}", text) for name, text in fingerprint.get("arguments", {}).items()]
    rows += [("code", line) for line in fingerprint.get("pieces", "").splitlines()]
    return rows


def rm(options: Namespace) -> None:
    """Remove results by name or pattern, or all of a workflow."""
    storage = find_storage(options.storage, must_exist=True)
    names = storage.list_tasks(options.workflow, options.pattern or "*")
    if options.nodes:
        absent = [name for name in options.nodes if name not in names]
        if absent:
            listed = ", ".join(map(repr, absent))
            msg = f"{storage!r} has no result of {listed} in workflow {options.workflow!r}"
            raise UsageError(msg)
        names = options.nodes
    elif not names:
        msg = f"{storage!r} has no such results of workflow {options.workflow!r}"
        raise UsageError(msg)
    if options.all:
        storage.remove_workflow(options.workflow)
    else:
        for name in names:
            storage.remove_task(options.workflow, name)
    say(f"removed {_count(names)} of workflow {options.workflow!r}")


def _count(results: Sized) -> str:
    return f"{len(results)} result{'s' * (len(results) != 1)}"
