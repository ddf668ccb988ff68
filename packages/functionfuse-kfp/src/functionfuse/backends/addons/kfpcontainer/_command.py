"""Reading the command line of a component, running it, and telling what came of it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from functionfuse.backends.addons.kfpcontainer._component import Component, load_storage
from functionfuse.backends.addons.kfpcontainer._outcomes import Reported, dump_outcomes
from functionfuse.backends.addons.kfpcontainer._places import OUTCOMES_VARIABLE, VALUES
from functionfuse.backends.addons.kfpcontainer._references import (
    import_script,
    load_function,
    load_value,
)
from functionfuse.backends.addons.kfpcontainer._spec import ComponentSpec, NodeSpec

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Run what the command line says; return the exit code."""
    parser = argparse.ArgumentParser("kfpcontainer", description="Run the nodes of a component.")
    parser.add_argument("--component", type=ComponentSpec.from_json, required=True)
    parser.add_argument("--node", type=NodeSpec.from_json, action="append", default=[])
    parser.add_argument("--input", type=_pair, action="append", default=[])
    parser.add_argument("--output", type=_pair, action="append", default=[])
    parser.add_argument("--executor-input", type=json.loads, default={})
    parser.add_argument("--check", nargs="*")
    options = parser.parse_args(arguments)
    try:
        _check_python(options.component.python)
        if options.check is not None:
            return _check_image(options.check, options.component)
        component = Component(
            options.component,
            options.node,
            parameters=options.executor_input.get("inputs", {}).get("parameterValues", {}),
            inputs=dict(options.input),
            outputs=dict(options.output),
        )
        reported = component.run()
    except Exception as error:  # Before a node could begin.
        _tell("", error)
        return 2
    return _report(reported, options.executor_input)


def _pair(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    return name, path


def _check_python(expected: str) -> None:
    version = ".".join(platform.python_version_tuple()[:2])
    if version != expected:
        msg = (
            f"this image has Python {version} and the workflow was made with {expected}: "
            f"give a base image with Python {expected}, such as 'python:{expected}'"
        )
        sys.exit(msg)


def _check_image(references: Sequence[str], component: ComponentSpec) -> int:
    """Load all that nodes will need; say of each thing that can't be found why."""
    failures = {}
    if component.script is not None:
        import_script(component.script)  # Pickles refer to what it defines.
    for reference in references:
        try:
            load_function(reference, component.script)
        except Exception as error:  # The user's own modules are imported.
            failures[reference] = error
    for pickled in Path(VALUES).iterdir():
        try:
            load_value(pickled.name)
        except Exception as error:  # Objects unpickle by code of their own.
            failures[f"an argument or function that was pickled ({pickled.name})"] = error
    if component.has_storage:
        try:
            load_storage()
        except Exception as error:  # Its library may be missing.
            failures["the storage"] = error
    for what, failure in failures.items():
        _tell(f"{what}: ", failure)
    return 1 if failures else 0


def _tell(what: str, error: Exception) -> None:
    cause = error.__cause__ or error
    if not isinstance(cause, (ImportError, AttributeError)):  # That tell what is missing.
        traceback.print_exception(cause)
    print(f"{what}{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201


def _report(reported: Sequence[Reported], executor_input: Mapping[str, Any]) -> int:
    if path := os.environ.get(OUTCOMES_VARIABLE):
        Path(path).write_bytes(dump_outcomes(reported))
    failure = next((entry for entry in reported if entry.outcome.error is not None), None)
    if failure is not None:
        print(failure.outcome.traceback, file=sys.stderr)  # noqa: T201
        print(f"node {failure.name!r} failed", file=sys.stderr)  # noqa: T201
        return 1
    outputs = executor_input.get("outputs", {})
    if "outputFile" in outputs:
        # Not every runner takes an artifact for made because its file is there.
        told = Path(outputs["outputFile"])
        told.parent.mkdir(parents=True, exist_ok=True)
        told.write_text(json.dumps({"artifacts": outputs.get("artifacts", {})}))
    return 0
