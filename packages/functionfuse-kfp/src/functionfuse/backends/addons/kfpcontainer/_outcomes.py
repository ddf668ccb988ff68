"""What a container tells a driver on the same machine: what became of its nodes."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import NamedTuple

import cloudpickle

from functionfuse.errors import NodeError
from functionfuse.worker import Outcome

__all__ = ["Reported", "dump_outcomes", "load_outcomes"]


class Reported(NamedTuple):
    """What is told of a node, or of a saved result that a node takes."""

    name: str
    outcome: Outcome


def dump_outcomes(reported: Sequence[Reported]) -> bytes:
    """Return outcomes as bytes, each error apart: the driver may not have its class."""
    entries = []
    for name, outcome in reported:
        entries.append((name, outcome._replace(error=None), *_split(outcome.error)))
    return pickle.dumps(entries)


def load_outcomes(data: bytes) -> list[Reported]:
    """Return what `dump_outcomes` wrote, an error that can't be rebuilt here as a `NodeError`."""
    reported = []
    for name, outcome, told, pickled in pickle.loads(data):
        error = None if told is None else _rebuilt(pickled, told)
        reported.append(Reported(name, outcome._replace(error=error)))
    return reported


def _split(error: BaseException | None) -> tuple[str, bytes] | tuple[None, None]:
    """Return what an error says, and its pickle."""
    if error is None:
        return None, None
    told = f"{type(error).__module__}.{type(error).__qualname__}: {error}"
    try:
        return told, pickle.dumps(error)
    except Exception:  # Of a class that a notebook made, which no module holds.
        return told, cloudpickle.dumps(error)


def _rebuilt(pickled: bytes, told: str) -> BaseException:
    try:
        error = pickle.loads(pickled)
    except Exception:  # Its module is not here, or it unpickles by code of its own.
        return NodeError(told)
    return error if isinstance(error, BaseException) else NodeError(told)
