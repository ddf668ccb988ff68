"""What a run did as plain data, for JSON: columns with an entry for each node."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from functionfuse._version import __version__
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
        (seconds since the epoch), `seconds`, `functions`, `workers` and `reasons` (texts),
        `errors` (tracebacks by position), and `nodes`: columns with an entry for each node in the
        order of their creation, as of `RunRecord.columns`. There, `function`, `worker` and
        `reason` are indices into those texts, and `parents` positions of nodes.
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
        "functions": functions,
        "workers": workers,
        "reasons": reasons,
        "errors": {str(position): text for position, text in record.errors.items()},
        "nodes": {
            "name": graph.names,
            "function": function,
            "parents": [tuple(dict.fromkeys(parents)) for parents in graph.parents],
            **columns,
            "worker": worker,
            "reason": reason,
        },
    }


def _coded(texts: Iterable[str]) -> tuple[list[str], list[int]]:
    """Return the different texts, and for each given one the index of it."""
    indices: dict[str, int] = {}
    codes = [indices.setdefault(text, len(indices)) for text in texts]
    return list(indices), codes
