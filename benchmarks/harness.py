"""Timing what is compared: alternately, warmed up, in a process of its own for each row.

A benchmark module has a function `measure(scale)` that yields a `Result` for each size. A
result is a ratio to a reference that was measured in the same process, so that the speed
of the machine cancels out.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

__all__ = ["FULL", "QUICK", "Result", "Scale", "compare", "growth", "measure_rows", "rotate"]

MICRO_S = 0.02
"""Of calls shorter than this the best counts: what lengthens them is never their own."""

MOST_ROUNDS = 60
GROWTH_BUDGET = 1.25
"""Growth like the reference's, but for noise."""


class Scale(NamedTuple):
    """How much is measured."""

    nodes: Sequence[int]
    """Sizes of graphs."""
    nbytes: Sequence[int]
    """Sizes of stored results."""
    seconds: float
    """How long one comparison is repeated, after its warm-up."""
    least_rounds: int

    def nodes_to(self, most: int) -> list[int]:
        """Return the sizes of graphs up to the largest that all that is compared can bear."""
        return [size for size in self.nodes if size <= most] or [most]


FULL = Scale((1_000, 10_000, 100_000, 1_000_000), (1_000, 10**6, 10**8, 10**9), 0.5, 2)
QUICK = Scale((1_000,), (1_000, 10**6), 0.1, 1)


class Result(NamedTuple):
    """One ratio, and what it should be."""

    row: int
    work: str
    reference: str
    ratio: float
    budget: float | None
    """The largest ratio that is good; None where there is nothing to hold."""

    @property
    def verdict(self) -> str:
        """Whether the ratio is within the budget."""
        return "" if self.budget is None else "yes" if self.ratio <= self.budget else "NO"


def compare(
    contestants: Mapping[str, Callable[[], Any]],
    scale: Scale,
    prepare: Mapping[str, Callable[[], Any]] | None = None,
) -> dict[str, float]:
    """Time functions alternately, and return the seconds that each takes.

    Parameters
    ----------
    contestants
        What is timed.
    scale
        How long to repeat.
    prepare
        What is called, untimed, before a contestant.
    """

    def timer(name: str, function: Callable[[], Any]) -> Callable[[], float]:
        prepared = (prepare or {}).get(name, lambda: None)
        return lambda: _time(function, prepared)

    timers = {name: timer(name, function) for name, function in contestants.items()}
    gc.collect()
    gc.freeze()  # Collections walk only over what the contestants make.
    try:
        return rotate(timers, scale)
    finally:
        gc.unfreeze()


def rotate(timers: Mapping[str, Callable[[], float]], scale: Scale) -> dict[str, float]:
    """Call what takes its own time in rounds, the order rotated; return the seconds of each."""
    names = list(timers)
    times: dict[str, list[float]] = {name: [] for name in names}
    for timer in timers.values():
        timer()  # The warm-up does not count.
    spent, rounds = 0.0, 0
    while rounds < MOST_ROUNDS and (spent < scale.seconds or rounds < scale.least_rounds):
        for name in names:
            times[name].append(timers[name]())
            spent += times[name][-1]
        names.append(names.pop(0))
        rounds += 1
    return {name: _typical(taken) for name, taken in times.items()}


def _time(function: Callable[[], Any], prepare: Callable[[], Any]) -> float:
    prepare()
    gc.collect()
    start = perf_counter()
    result = function()
    taken = perf_counter() - start
    del result  # Freeing it is not timed.
    return taken


def _typical(times: Sequence[float]) -> float:
    return min(times) if min(times) < MICRO_S else median(times)


def growth(results: Sequence[Result], work: str) -> Iterator[Result]:
    """Say of results of rising sizes how much more than the reference they grew."""
    if len(results) > 1:
        first, last = results[0], results[-1]
        grown = last.ratio / first.ratio
        yield Result(first.row, f"growth of: {work}", "the reference's", grown, GROWTH_BUDGET)


def measure_rows(modules: Sequence[str], scale: Scale) -> Iterator[list[Result]]:
    """Measure modules one after the other, each in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, maxtasksperchild=1) as pool:
        yield from pool.imap(_measure, [(module, scale) for module in modules])


def _measure(task: tuple[str, Scale]) -> list[Result]:
    module, scale = task
    return list(importlib.import_module(module).measure(scale))
