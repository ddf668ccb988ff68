"""The command about runs that are over: report."""

from __future__ import annotations

from argparse import Namespace

from functionfuse.cli.errors import UsageError
from functionfuse.cli.output import say, say_json
from functionfuse.cli.targets import find_storage
from functionfuse.report import write_page

__all__ = ["report"]


def report(options: Namespace) -> None:
    """Write the report of a run whose record a storage keeps, or list these runs."""
    storage = find_storage(options.storage, must_exist=True)
    records = storage.records(options.workflow)
    names = records.names()
    if not names:
        msg = (
            f"{storage!r} has no record of a run of workflow {options.workflow!r}: a run with "
            "this storage leaves one if it executes something"
        )
        raise UsageError(msg)
    if options.run is not None and options.run not in names:
        msg = f"no run began at {options.run!r}; those kept: {', '.join(names)}"
        raise UsageError(msg)
    if options.list:
        say("\n".join(names))
        return
    summary = records.read(options.run or names[-1])
    if options.json:
        say_json(summary)
    else:
        write_page(summary, options.output)
        say(f"wrote {options.output}")
