"""The index: what a listing of files can't tell of the results, in one file.

It is a cache. An entry counts only while the file has the version that the entry was
made for; of every other file the header is read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from functionfuse.storage.keeper import Stamp

__all__ = ["Saved", "dump_index", "load_index"]

INDEX_FORMAT = 1


class Saved(NamedTuple):
    """What is known of a saved result without reading it."""

    task: str
    stamp: Stamp
    python: str
    """Version of the Python that made it."""
    digest: str
    """Digest of all that the result was made from (see `functionfuse.reuse`); "" if unknown."""
    data_digest: str
    """The same without the code."""


def dump_index(entries: Mapping[str, Saved]) -> bytes:
    """Turn entries, by file name, into the bytes of an index."""
    rows = [[filename, *entry.stamp, entry.task, *entry[2:]] for filename, entry in entries.items()]
    return json.dumps({"format": INDEX_FORMAT, "rows": rows}, separators=(",", ":")).encode()


def load_index(data: bytes) -> Mapping[str, Saved]:
    """Return the entries by file name; an index that is not whole has none."""
    try:
        index = json.loads(data)
        rows = index["rows"] if index["format"] == INDEX_FORMAT else ()
        return {
            filename: Saved(task, Stamp(nbytes, version), *made_from)
            for filename, nbytes, version, task, *made_from in rows
        }
    except (ValueError, TypeError, KeyError):
        return {}
