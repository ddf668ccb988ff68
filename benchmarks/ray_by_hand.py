"""Graphs written for Ray itself, at its best.

There is one remote function for each function, made once. Tasks have names. References are
passed as arguments by themselves, so that Ray sees what a task waits for, and are dropped
after their last use. Only the leaf is fetched.

Each graph is an iterator over the references of its tasks, the leaf's at the end.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import ray
from graphs import one, step, total

__all__ = [
    "array_of",
    "arrays",
    "chain",
    "fan",
    "length",
    "literal",
    "plus_one",
    "result",
    "saved_result",
]


def array_of(nbytes: int) -> Any:
    """Return an array."""
    return np.zeros(nbytes // 8)


def plus_one(array: Any) -> Any:
    """Return an array computed from another."""
    return array + 1.0


def length(value: bytes) -> int:
    """Return a small result of a large value."""
    return len(value)


def chain(size: int) -> Iterator[Any]:
    """Submit a chain of tasks."""
    first, then = ray.remote(one), ray.remote(step)
    reference = first.options(name="one").remote()
    yield reference
    for index in range(size - 1):
        reference = then.options(name=f"step {index}").remote(reference)
        yield reference


def fan(size: int) -> Iterator[Any]:
    """Submit tasks that take one root, and the sum of them all."""
    first, then, last = ray.remote(one), ray.remote(step), ray.remote(total)
    root = first.options(name="one").remote()
    yield root
    references = []
    for index in range(size - 2):
        references.append(then.options(name=f"step {index}").remote(root))
        yield references[-1]
    leaf = last.options(name="total").remote(*references)
    del root, references
    yield leaf


def arrays(size: int, nbytes: int) -> Iterator[Any]:
    """Submit a chain of tasks that each make an array."""
    first, then = ray.remote(array_of), ray.remote(plus_one)
    reference = first.options(name="array").remote(nbytes)
    yield reference
    for index in range(size - 1):
        reference = then.options(name=f"plus one {index}").remote(reference)
        yield reference


def literal(size: int, value: Any) -> Iterator[Any]:
    """Submit tasks that take one value, and the sum of what they return."""
    each, last = ray.remote(length), ray.remote(total)
    put = ray.put(value)
    references = []
    for index in range(size):
        references.append(each.options(name=f"length {index}").remote(put))
        yield references[-1]
    yield last.options(name="total").remote(*references)


def result(references: Iterator[Any]) -> Any:
    """Return the leaf's result."""
    leaf = None
    for reference in references:
        leaf = reference
    return ray.get(leaf)


def saved_result(references: Iterator[Any], folder: Path, at_once: int) -> Any:
    """Save each result in a task of its own; return the leaf's.

    Parameters
    ----------
    references
        The results.
    folder
        Where to.
    at_once
        How many saves are submitted and unfinished at most: each that has no worker yet,
        and asks for no CPU, makes Ray start one.
    """
    save = ray.remote(num_cpus=0)(_save)
    saves: list[Any] = []
    pending: list[Any] = []
    leaf = None
    for index, leaf in enumerate(list(references)):
        if len(pending) >= at_once:
            _, pending = ray.wait(pending)
        saves.append(save.options(name=f"save {index}").remote(leaf, str(folder / str(index))))
        pending.append(saves[-1])
    ray.get(saves)
    return ray.get(leaf)


def _save(value: Any, path: str) -> None:
    temporary = f"{path}.tmp"
    with Path(temporary).open("wb") as file:
        pickle.dump(value, file, protocol=5)
    os.replace(temporary, path)  # noqa: PTH105
