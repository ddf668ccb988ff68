"""The commands about graphs: run, why, graph."""

from __future__ import annotations

import inspect
import sys
from argparse import Namespace
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from functionfuse.baseworkflow import BaseWorkflow
from functionfuse.cli.errors import NODE_FAILED, UsageError, UserCodeError
from functionfuse.cli.output import say, say_json, shorten
from functionfuse.cli.targets import find_storage, find_target, read_options
from functionfuse.errors import notes
from functionfuse.registry import BACKENDS

__all__ = ["FORMATS", "draw", "run", "why"]

FORMATS = {
    "mermaid": BaseWorkflow.to_mermaid,
    "dot": BaseWorkflow.to_dot,
    "svg": BaseWorkflow.to_svg,
}


def run(options: Namespace) -> None:
    """Run a graph, and say what the run did and returned.

    Raises
    ------
    UserCodeError
        If a node failed.
    """
    workflow_class = BACKENDS.find(options.backend)
    arguments = read_options(options.backend_options)
    _check_fit(workflow_class, {"workflow_name": "", **arguments}, options, "--backend-options")
    run_arguments = _run_arguments(options)
    given = ", ".join(f"{name}={value!r}" for name, value in run_arguments.items())
    _check_fit(workflow_class.run, {"self": None, **run_arguments}, options, given)
    w = _make(workflow_class, options, **arguments)
    try:
        with _output_for_machines(options):
            result = w.run(**run_arguments)
    except (Exception, SystemExit) as error:  # Nodes raise what they like.
        _report(w, options)
        if isinstance(error, SystemExit) or notes(error):  # They name the node.
            raise UserCodeError(error, NODE_FAILED) from error
        raise
    except KeyboardInterrupt:
        _report(w, options)
        raise
    if result is not None and not options.json:
        say(shorten(result))
    _report(w, options)


def _output_for_machines(options: Namespace) -> AbstractContextManager[Any]:
    """Leave standard output to the JSON, and what nodes print to standard error."""
    return redirect_stdout(sys.stderr) if options.json else nullcontext()


def _report(w: Any, options: Namespace) -> None:
    record = w.last_run
    if record is None:
        return
    if options.json:
        nodes = {name: node.to_dict() for name, node in record.items()}
        say_json({"workflow": w.workflow_name, "seconds": record.seconds, "nodes": nodes})
    elif not options.progress:  # Which tells the same.
        counts = ", ".join(f"{count} {state}" for state, count in record.counts().items())
        sys.stderr.write(f"{w.workflow_name}: {counts} in {record.seconds:.1f} s\n")


def why(options: Namespace) -> None:
    """Say what a run would do with each node, and why; it is the same on every backend."""
    w = _make(BaseWorkflow, options)
    found = w.why(options.pattern, reuse=options.reuse or "saved")
    if options.json:
        say_json(found.to_dict())
    elif found:
        say(str(found))


def draw(options: Namespace) -> None:
    """Write a graph as Mermaid, DOT or SVG."""
    target = find_target(options.target)
    text = FORMATS[options.format](BaseWorkflow(*target.nodes, workflow_name=target.name))
    if options.output is None:
        say(text)
    else:
        Path(options.output).write_text(text, encoding="utf-8")


def _make(workflow_class: Any, options: Namespace, **arguments: Any) -> Any:
    target = find_target(options.target)
    name = options.workflow_name if options.workflow_name is not None else target.name
    w = workflow_class(*target.nodes, workflow_name=name, **arguments)
    if options.storage is not None:
        w.set_storage(find_storage(options.storage))
    if options.log_nodes is not None:
        w.log_nodes(options.log_nodes)
    return w


def _run_arguments(options: Namespace) -> dict[str, Any]:
    """Return what the run is given: the options that were, and no others."""
    arguments = read_options(options.run_options)
    if options.reuse is not None:
        arguments["reuse"] = options.reuse
    if options.progress:
        arguments["progress"] = True
    return arguments


def _check_fit(called: Any, arguments: dict[str, Any], options: Namespace, given: str) -> None:
    try:
        inspect.signature(called).bind(**arguments)
    except TypeError as error:
        allowed = ", ".join(name for name in inspect.signature(called).parameters if name != "self")
        msg = f"backend {options.backend!r} does not take {given}: {error}; it takes {allowed}"
        raise UsageError(msg) from error
