"""A report as one page of HTML, which needs no network."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from functionfuse.report.summary import FORMAT

__all__ = ["write_page"]

_FOLDER = Path(__file__).parent

_SCRIPTS = (
    "page.js",
    "head.js",
    "failures.js",
    "boxes.js",
    "layers.js",
    "lines.js",
    "graph.js",
    "zoom.js",
    "timeline.js",
    "search.js",
    "table.js",
)
"""In the order in which they run: the first holds what all use."""


def write_page(summary: Mapping[str, Any], path: str | Path) -> None:
    """Write the report of a run.

    Parameters
    ----------
    summary
        As `summarize` makes it.
    path
        Of the page that is written.

    Raises
    ------
    ValueError
        If the summary is of another version of functionfuse, which wrote it otherwise.
    OSError
        If the page can't be written.
    """
    if summary.get("format") != FORMAT:
        msg = (
            f"this record of a run has format {summary.get('format')!r}, and this functionfuse "
            f"reads {FORMAT}: it was kept by functionfuse {summary.get('functionfuse')}, which "
            "draws it"
        )
        raise ValueError(msg)
    parts = {
        "title": escape(f"{summary['workflow']}: report of a run"),
        "style": _read("page.css"),
        "script": "\n".join(map(_read, _SCRIPTS)),
        # Between the tags of a script only `<` could end it.
        "data": json.dumps(summary).replace("<", r"\u003c"),
    }
    # In one pass: what is put in may look like a mark itself.
    page = re.sub(r"\{\{(\w+)\}\}", lambda mark: parts[mark[1]], _read("page.html"))
    Path(path).write_text(page, encoding="utf-8", errors="xmlcharrefreplace")


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
