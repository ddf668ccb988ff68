"""What a storage holds, as a table for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from functionfuse.storage.base import Storage

__all__ = ["describe_duration", "describe_size", "to_html"]

MOST_WORKFLOWS = 50
MOST_TASKS = 10
"""Of more only the first are shown."""


def to_html(storage: Storage) -> str:
    """Return a table of the workflows, with the number, size and names of their results.

    Raises
    ------
    NotImplementedError
        If a storage of this kind can't tell.
    """
    workflows = storage.list_workflows()
    rows = []
    for workflow_name in workflows[:MOST_WORKFLOWS]:
        sizes = storage.list_sizes(workflow_name)
        names = ", ".join(list(sizes)[:MOST_TASKS]) + (", …" if len(sizes) > MOST_TASKS else "")
        cells = (workflow_name, len(sizes), describe_size(sum(sizes.values())), names)
        rows.append("".join(f"<td>{escape(str(cell))}</td>" for cell in cells))
    if len(workflows) > MOST_WORKFLOWS:
        rows.append(f'<td colspan="4">and {len(workflows) - MOST_WORKFLOWS} more</td>')
    head = "<th>workflow</th><th>results</th><th>size</th><th>tasks</th>"
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    caption = f"<caption>{escape(repr(storage))}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def describe_size(nbytes: float) -> str:
    """Return a size as people read it.

    Examples
    --------
    >>> describe_size(512), describe_size(2_340_000)
    ('512 B', '2.3 MB')
    """
    if nbytes < 1000:
        return f"{nbytes:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        nbytes /= 1000
        if nbytes < 1000 or unit == "TB":
            break
    return f"{nbytes:.1f} {unit}"


def describe_duration(seconds: float) -> str:
    """Return a time as people read it.

    Examples
    --------
    >>> describe_duration(4.7e-05), describe_duration(0.25), describe_duration(75.26)
    ('0.05 ms', '250 ms', '75.3 s')
    """
    if seconds >= 1:
        return f"{seconds:.1f} s"
    milliseconds = 1000 * seconds
    return f"{milliseconds:.2f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"
