"""What a user would otherwise write or use for a graph of plain functions."""

from __future__ import annotations

from typing import Any

from graphs import Tasks

__all__ = ["as_dask", "as_hamilton", "as_pipefunc", "run_by_hand", "run_hamilton", "run_pipefunc"]


def run_by_hand(tasks: Tasks) -> Any:
    """Run tasks in Kahn's order, each result dropped after its last use; return the last's."""
    waits = [len(parents) for _, parents in tasks]
    children: list[list[int]] = [[] for _ in tasks]
    for index, (_, parents) in enumerate(tasks):
        for parent in parents:
            children[parent].append(index)
    uses = [len(found) for found in children]
    results: list[Any] = [None] * len(tasks)
    ready = [index for index, wait in enumerate(waits) if not wait]
    while ready:
        index = ready.pop()
        function, parents = tasks[index]
        results[index] = function(*[results[parent] for parent in parents])
        for parent in parents:
            uses[parent] -= 1
            if not uses[parent]:
                results[parent] = None
        for child in children[index]:
            waits[child] -= 1
            if not waits[child]:
                ready.append(child)
    return results[-1]


def as_dask(tasks: Tasks) -> Any:
    """Make a `dask.delayed` of the tasks; `.compute(scheduler="synchronous")` runs it."""
    from dask import delayed

    made: list[Any] = []
    for function, parents in tasks:
        made.append(delayed(function, pure=False)(*[made[parent] for parent in parents]))
    return made[-1]


def as_pipefunc(tasks: Tasks) -> list[Any]:
    """Make the parts of a pipeline; `run_pipefunc` runs it."""
    from pipefunc import PipeFunc

    return [PipeFunc(_named(index, tasks), f"t{index}") for index in range(len(tasks))]


def run_pipefunc(parts: list[Any]) -> Any:
    """Make a pipeline and run it."""
    from pipefunc import Pipeline

    return Pipeline(parts).run(parts[-1].output_name, kwargs={})


def as_hamilton(tasks: Tasks) -> tuple[Any, str]:
    """Make a module of functions, and the last's name; `run_hamilton` runs it."""
    from hamilton.ad_hoc_utils import create_temporary_module

    functions = [_named(index, tasks) for index in range(len(tasks))]
    return create_temporary_module(*functions), functions[-1].__name__


def run_hamilton(made: tuple[Any, str]) -> Any:
    """Make a driver and execute it for the last result."""
    from hamilton import driver

    module, last = made
    return driver.Builder().with_modules(module).build().execute([last])[last]


def _named(index: int, tasks: Tasks) -> Any:
    """Write a task as engines want it that connect functions by the names of parameters."""
    function, parents = tasks[index]
    given = ", ".join(f"t{parent}" for parent in parents)
    typed = ", ".join(f"t{parent}: int" for parent in parents)
    names: dict[str, Any] = {"function": function}
    exec(f"def t{index}({typed}) -> int: return function({given})", names)
    return names[f"t{index}"]
