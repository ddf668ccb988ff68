"""What the command line says: its commands and their options."""

from __future__ import annotations

import argparse

from functionfuse._version import __version__
from functionfuse.cli import graphs, reports, results
from functionfuse.plan import REUSE_POLICIES

__all__ = ["make_parser"]

NODE_HELP = (
    "path of a Python file, or a module's name, and a variable in it that holds a node, "
    "an item of one or a list of these, such as steps.py:model"
)
STORAGE_HELP = (
    "a folder; KIND://PATH, such as s3://bucket/folder; or a description in JSON, such as "
    '{"kind": "S3", "options": {…}}'
)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; what it parses has `command`, a function of the options."""
    parser = argparse.ArgumentParser(
        prog="functionfuse", description="Run, explain and draw graphs; look at storages."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run a graph")
    _add_graph_options(run)
    run.add_argument("--backend", default="local", help="what runs it (default: local)")
    run.add_argument(
        "--backend-options", metavar="JSON", default="{}", help="arguments of the backend's class"
    )
    run.add_argument(
        "--run-options", metavar="JSON", default="{}", help="arguments of the backend's run"
    )
    run.add_argument("--progress", action="store_true", help="show how far the run is")
    _add_json(run)
    run.set_defaults(command=graphs.run)

    why = commands.add_parser("why", help="say what a run would do with each node, and why")
    _add_graph_options(why)
    why.add_argument("--pattern", help="regular expression of whole node names")
    _add_json(why)
    why.set_defaults(command=graphs.why)

    graph = commands.add_parser("graph", help="draw a graph")
    graph.add_argument("target", metavar="FILE:NODE", help=NODE_HELP)
    graph.add_argument("--format", choices=sorted(graphs.FORMATS), default="mermaid")
    graph.add_argument("--output", metavar="FILE", help="file to write (default: the terminal)")
    graph.set_defaults(command=graphs.draw)

    report = commands.add_parser("report", help="write the report of a run with this storage")
    _add_place(report)
    report.add_argument("workflow", metavar="WORKFLOW")
    report.add_argument(
        "--run", metavar="TIME", help="its beginning, as --list tells (default: last)"
    )
    which_output = report.add_mutually_exclusive_group()
    which_output.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        default="report.html",
        help="page (default: %(default)s)",
    )
    which_output.add_argument("--list", action="store_true", help="list the runs instead")
    which_output.add_argument(
        "--json", action="store_true", help="print the record as JSON instead, for machines"
    )
    report.set_defaults(command=reports.report)

    ls = commands.add_parser("ls", help="list the workflows of a storage, or a workflow's results")
    _add_place(ls)
    ls.add_argument("workflow", metavar="WORKFLOW", nargs="?")
    _add_json(ls)
    ls.set_defaults(command=results.ls)

    show = commands.add_parser("show", help="show what is known of a result")
    _add_place(show)
    show.add_argument("workflow", metavar="WORKFLOW")
    show.add_argument("node", metavar="NODE")
    show.add_argument(
        "--load", action="store_true", help="load it, which runs code of whoever wrote it"
    )
    _add_json(show)
    show.set_defaults(command=results.show)

    rm = commands.add_parser("rm", help="remove results")
    _add_place(rm)
    rm.add_argument("workflow", metavar="WORKFLOW")
    which = rm.add_mutually_exclusive_group(required=True)
    which.add_argument("nodes", metavar="NODE", nargs="*", default=[])
    which.add_argument("--pattern", help="shell-style pattern of names")
    which.add_argument("--all", action="store_true", help="the workflow with all its results")
    rm.set_defaults(command=results.rm)
    return parser


def _add_graph_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="FILE:NODE", help=NODE_HELP)
    parser.add_argument("--storage", metavar="STORAGE", help=STORAGE_HELP)
    parser.add_argument("--workflow-name", metavar="NAME", help="(default: the file's name)")
    parser.add_argument(
        "--log-nodes",
        metavar="PATTERN",
        help="names of nodes that always execute",
    )
    parser.add_argument("--reuse", choices=REUSE_POLICIES, help="(default: saved)")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("storage", metavar="STORAGE", help=STORAGE_HELP)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for machines")
