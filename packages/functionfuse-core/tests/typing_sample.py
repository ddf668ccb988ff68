"""What type checkers say of decorated functions and nodes: read by mypy and pyright, never run.

An expected error has a comment that ignores it; an ignored error that does not happen is
one itself (mypy's `warn_unused_ignores`, pyright's `reportUnnecessaryTypeIgnoreComment`).
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from functionfuse import task, workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.node import Item, Node

if TYPE_CHECKING:
    from typing_extensions import assert_type


@workflow
def load(rows: int, *, name: str = "data") -> list[float]:
    """Load."""
    return [float(len(name))] * rows


@workflow
def fit(data: list[float], depth: int = 1) -> float:
    """Fit."""
    return sum(data) * depth


@workflow
async def fetch(url: str) -> bytes:
    """Fetch."""
    return url.encode()


@task
def nothing() -> None:
    """Do nothing."""


def check_calls_make_nodes() -> None:
    """A call's type is Node, whatever the function returns."""
    assert_type(load(3), Node)
    assert_type(load(rows=3, name="other"), Node)
    assert_type(fetch("address"), Node)
    assert_type(nothing(), Node)
    assert_type(load(3).set_name("data"), Node)
    assert_type(load(3).get_name(), str | None)
    assert_type(load(3)["key"], Item)
    assert_type(load(3)["key"][0], Item)


def check_nodes_stand_for_values_of_any_type() -> None:
    """A node, or an item of one, is accepted for every annotation."""
    data = load(3).set_name("data")
    fit(data, data["depth"])
    fit(data[0], depth=data)
    fetch(data)
    fit([data, 1.0, data[0]])


def check_wrong_arguments_are_errors() -> None:
    """Parameters are the function's own."""
    load()  # type: ignore[call-arg]
    load("three")  # type: ignore[arg-type]
    load(3, "data")  # type: ignore[call-arg]
    load(3, colour="red")  # type: ignore[call-arg]
    fit([1.0], depth="deep")  # type: ignore[arg-type]
    fit(["text"])  # type: ignore[list-item]
    load(3).set_name(4)  # type: ignore[arg-type]


def check_the_plain_function_keeps_its_type() -> None:
    """`func` is what was decorated."""
    assert_type(load.func(3), list[float])
    assert_type(fit.func([1.0]), float)
    load.func("three")  # type: ignore[arg-type]
    assert_type(load.__name__, str)
    assert_type(load.__doc__, str | None)


def check_what_else_can_be_decorated() -> None:
    """Lambdas, partials and builtins."""
    assert_type(workflow(lambda: 1)(), Node)
    assert_type(workflow(functools.partial(fit.func, depth=2))([1.0]), Node)
    assert_type(workflow(len)("text"), Node)
    workflow(3)  # type: ignore[arg-type]
    workflow(len)()  # type: ignore[call-arg]


class PlainCounter:
    """Count."""

    def __init__(self, start: int = 0) -> None:
        self.count = start

    def add(self, n: int) -> int:
        """Add."""
        self.count += n
        return self.count


Counter = workflow(PlainCounter)


def check_stateful_nodes() -> None:
    """Methods are looked up when they are called: their calls are not checked before."""
    counter = Counter(1).set_name("counter")
    total: int = counter.add(2)
    fit([total])
    assert_type(Counter.func(1).add(2), int)
    Counter("one")  # type: ignore[arg-type]


def check_workflows_take_nodes() -> None:
    """Nodes and items are given to a workflow; results have any type."""
    data = load(3)
    w = LocalWorkflow(data, data["key"], workflow_name="name")
    fitted: float = w.run()
    print(fitted)
