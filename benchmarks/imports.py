"""Row 11: importing, against `import dask.delayed`, each time in a new process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from harness import Result, Scale, rotate

IMPORTS = {
    "from functionfuse import workflow": 0.15,
    "from functionfuse.backends.builtin.localback import LocalWorkflow; "
    "from functionfuse.storage.filestorage import FileStorage": 0.25,
}
REFERENCE = "import dask.delayed"


def measure(scale: Scale) -> Iterator[Result]:
    """Import the decorator alone, and what runs a graph and stores its results."""
    ways = {statement: partial(_seconds, statement) for statement in (*IMPORTS, REFERENCE)}
    times = rotate(ways, scale._replace(least_rounds=6 * scale.least_rounds))
    for statement, budget in IMPORTS.items():
        names = " and ".join(part.rpartition(" ")[2] for part in statement.split(";"))
        yield Result(11, f"import {names}", REFERENCE, times[statement] / times[REFERENCE], budget)


def _seconds(statement: str) -> float:
    code = (
        "from time import perf_counter; start = perf_counter(); "
        f"{statement}; print(perf_counter() - start)"
    )
    command = [sys.executable, "-c", code]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
