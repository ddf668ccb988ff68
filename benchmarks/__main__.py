"""Print how long the work of each row takes, as a multiple of its reference.

python benchmarks                   all rows whose libraries are installed, twenty minutes
python benchmarks 1 run storage     some rows, by number or by module
python benchmarks ray_runs s3       the rows of Ray and S3
python benchmarks 3 --nodes 1e5     graphs of one size
python benchmarks --quick           smallest sizes, to see that all of it runs
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import sys
from collections.abc import Iterable, Iterator

from harness import FULL, QUICK, Result, measure_rows

MODULES = {
    "build": (1,),
    "memory": (2,),
    "run": (3,),
    "engines": (4,),
    "peak": (5,),
    "storage": (6, 7, 8),
    "reuse": (9,),
    "executors": (10,),
    "imports": (11,),
    "ray_runs": (12, 13, 14, 15),
    "prefect_flows": (16,),
    "s3": (17,),
    "kfp_pipelines": (18,),
    "progress": (19,),
}
LIBRARIES = {
    "ray_runs": ("ray",),
    "prefect_flows": ("prefect",),
    "s3": ("moto", "s3fs"),
    "kfp_pipelines": ("kfp", "docker"),
}
"""What some modules need that may be absent: each engine wants an environment of its own."""
LAST_ROW = max(max(rows) for rows in MODULES.values())
HEADINGS = ("row", "work", "reference", "ratio", "budget", "holds")
WIDTHS = (3, 58, 24, 8, 8, 5)


def main() -> None:
    """Measure what the command line says and print one table."""
    options = _parse()
    scale = QUICK if options.quick else FULL
    if options.nodes:
        scale = scale._replace(nodes=sorted(int(size) for size in options.nodes))
    if options.megabytes:
        scale = scale._replace(nbytes=sorted(int(1e6 * size) for size in options.megabytes))
    wanted = [_row_or_module(text) for text in options.rows]
    modules = [
        module
        for module, rows in MODULES.items()
        if not wanted or module in wanted or not set(rows).isdisjoint(wanted)
    ]
    modules = [module for module in modules if _has_libraries(module)]
    print_line = _print_markdown if options.markdown else _print_text
    print(f"Python {platform.python_version()}\n")
    print_line(HEADINGS)
    if options.markdown:
        print_line(["---"] * len(HEADINGS))
    for results in measure_rows(modules, scale):
        for result in _of_rows(results, wanted):
            print_line(_cells(result))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", help=f"1 to {LAST_ROW}, or {', '.join(MODULES)}")
    parser.add_argument("--nodes", nargs="+", type=float, help="sizes of graphs")
    parser.add_argument("--megabytes", nargs="+", type=float, help="sizes of stored results")
    parser.add_argument("--quick", action="store_true", help="smallest sizes, few repetitions")
    parser.add_argument("--markdown", action="store_true", help="the table for README.md")
    return parser.parse_args()


def _row_or_module(text: str) -> int | str:
    if text in MODULES:
        return text
    if text.isdecimal() and any(int(text) in rows for rows in MODULES.values()):
        return int(text)
    msg = f"rows are 1 to {LAST_ROW}, or one of {', '.join(MODULES)}; got {text!r}"
    raise SystemExit(msg)


def _has_libraries(module: str) -> bool:
    """Tell whether a module can run; say so if not, and in CI end, since there all must run."""
    absent = [name for name in LIBRARIES.get(module, ()) if importlib.util.find_spec(name) is None]
    if not absent:
        return True
    msg = f"{module} is not measured: {' and '.join(absent)} not installed"
    if os.environ.get("CI"):
        raise SystemExit(msg)
    print(msg, file=sys.stderr)
    return False


def _of_rows(results: Iterable[Result], wanted: list[int | str]) -> Iterator[Result]:
    """Of a module with several rows, those that were asked for, in their order."""
    for result in sorted(results, key=lambda result: result.row):
        modules = [module for module, rows in MODULES.items() if result.row in rows]
        if not wanted or result.row in wanted or not set(modules).isdisjoint(wanted):
            yield result


def _cells(result: Result) -> tuple[str, ...]:
    budget = "" if result.budget is None else f"{result.budget:g}x"
    digits = 2 if result.ratio >= 0.1 else 4
    ratio = f"{result.ratio:.{digits}f}x"
    return str(result.row), result.work, result.reference, ratio, budget, result.verdict


def _print_text(cells: Iterable[str]) -> None:
    padded = (cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True))
    print(" ".join(padded).rstrip(), flush=True)


def _print_markdown(cells: Iterable[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
