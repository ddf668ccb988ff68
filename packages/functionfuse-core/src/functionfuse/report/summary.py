"""What a run did as plain data, for JSON: columns with an entry for each node."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from functionfuse._version import __version__
from functionfuse.graph import Graph
from functionfuse.node import Construction, MethodCall
from functionfuse.record import RunRecord

__all__ = ["FORMAT", "summarize"]

FORMAT = 1


def summarize(record: RunRecord) -> dict[str, Any]:
    """Return all that a report shows.

    Parameters
    ----------
    record
        What became of each node.

    Returns
    -------
    dict
        `format`, `workflow`, `backend`, `functionfuse` and `python` (versions), `started`
        (seconds since the epoch), `seconds`, `ending` (as of `RunRecord`), `functions`,
        `workers` and `reasons` (texts), `errors` (`message` and `traceback` by position),
        `instances` (positions of the instances of stateful nodes), `follows` (of calls on these:
        the position of the call before, if its result is not taken, by position), and `nodes`:
        columns with an entry for each node in the order of their creation, as of
        `RunRecord.columns`. There, `function`, `worker` and `reason` are indices into those
        texts, and `parents` positions of the nodes whose results are taken.
    """
    graph, columns = record.graph, record.columns()
    functions, function = _coded(node.function.qualname for node in graph.nodes)
    workers, worker = _coded(columns["worker"])
    reasons, reason = _coded(columns["reason"])
    return {
        "format": FORMAT,
        "workflow": record.workflow_name,
        "backend": record.backend,
        "functionfuse": __version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "started": record.started,
        "seconds": round(record.seconds, 6),
        "ending": record.ending,
        "functions": functions,
        "workers": workers,
        "reasons": reasons,
        "errors": {str(position): error._asdict() for position, error in record.errors.items()},
        "instances": [p for p in graph.instances if type(graph.nodes[p]) is Construction],
        "follows": _follows(graph),
        "nodes": {
            "name": graph.names,
            "function": function,
            "parents": [tuple(dict.fromkeys(parents)) for parents in graph.inputs],
            **columns,
            "worker": worker,
            "reason": reason,
        },
    }


def _follows(graph: Graph) -> dict[str, int]:
    """Return the call before, for calls on an instance that do not take its result."""
    calls = [p for p in graph.instances if type(graph.nodes[p]) is MethodCall]
    before = {p: graph.parents[p][MethodCall.ORDER_PARENT] for p in calls}
    return {str(p): other for p, other in before.items() if other not in graph.inputs[p]}


def _coded(texts: Iterable[str]) -> tuple[list[str], list[int]]:
    """Return the different texts, and for each given one the index of it."""
    indices: dict[str, int] = {}
    codes = [indices.setdefault(text, len(indices)) for text in texts]
    return list(indices), codes
