"""The functions of the graphs in the conformance suites.

They stand in a module, so that other processes find them, and tell executions apart by
fresh text in their results rather than by a side effect.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import uuid4

from functionfuse import workflow

__all__ = [
    "Account",
    "CustomError",
    "Point",
    "SubPoint",
    "add",
    "add_async",
    "draw",
    "fail",
    "keep",
    "make_node",
    "make_unpicklable",
    "other_token",
    "prepend",
    "read_environment",
    "set_environment",
    "show",
    "table",
    "token",
    "total",
]


class Point(NamedTuple):
    """A named tuple, in which nodes are found."""

    x: Any
    y: Any


class SubPoint(Point):
    """A subclass of a named tuple, which is opaque."""


class CustomError(Exception):
    """An exception with its own arguments."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


@workflow
def keep(value: Any) -> Any:
    """Return the argument."""
    return value


@workflow
def show(*args: Any, **kwargs: Any) -> str:
    """Return how the arguments arrived."""
    return repr((args, kwargs))


@workflow
def table(**columns: Any) -> dict[str, Any]:
    """Return the arguments as a dictionary."""
    return columns


@workflow
def add(a: Any, b: Any) -> Any:
    """Return the sum."""
    return a + b


@workflow
async def add_async(a: Any, b: Any) -> Any:
    """Return the sum, later."""
    await asyncio.sleep(0)
    return a + b


@workflow
def total(values: Iterable[Any]) -> Any:
    """Return the sum of many."""
    return sum(values)


@workflow
def token(*inputs: Any) -> str:
    """Return a text that is new with each execution."""
    return f"token {uuid4().hex} of {len(inputs)}"


@workflow
def other_token(*inputs: Any) -> str:
    """Return a text that is new with each execution, from code unlike that of `token`."""
    return f"another {uuid4().hex} of {len(inputs) + 0.5}"


@workflow
def prepend(text: str, to: Any) -> str:
    """Return both as one text."""
    return f"{text}{to}"


@workflow
def fail(*inputs: Any) -> None:
    """Raise an error with two arguments."""
    raise CustomError(len(inputs), "on purpose")


@workflow
def make_node(value: Any) -> Any:
    """Call a decorated function inside another."""
    return keep(value)


@workflow
def make_unpicklable(value: Any) -> Any:
    """Return what can't be pickled."""
    return [value, threading.Lock()]


@workflow
def draw(index: int) -> float:
    """Return a random number."""
    return random.random()


@workflow
def read_environment(name: str) -> str | None:
    """Return an environment variable of the worker."""
    return os.environ.get(name)


def set_environment(name: str, value: Any) -> None:
    """Set an environment variable of the worker."""
    os.environ[name] = str(value)


@workflow
class Account:
    """A stateful node: each deposit adds to the balance."""

    def __init__(self, balance: float, *, fails: bool = False) -> None:
        if fails:
            raise CustomError(0, "no account")
        self.balance = balance
        self.receipts: list[str] = []

    def deposit(self, amount: float) -> float:
        """Return the new balance."""
        self.balance += amount
        return self.balance

    def receipt(self, *inputs: Any) -> tuple[float, str]:
        """Return the balance and a text that is new with each execution."""
        self.receipts.append(f"{uuid4().hex} of {len(inputs)}")
        return self.balance, self.receipts[-1]

    def draw(self) -> float:
        """Return a random number."""
        return random.random()

    def fail(self) -> None:
        """Raise an error."""
        raise CustomError(1, "call on purpose")
