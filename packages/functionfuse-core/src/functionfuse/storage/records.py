"""Records of a workflow's runs: what each did, kept beside the results."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from functionfuse.storage.keeper import Keeper

__all__ = ["Records"]

FASTEST = 1
"""Level of compression: the highest makes records a tenth smaller in eight times the time."""

MOST_KEPT = 20
"""Of the runs before these nothing is known any more."""


class Records:
    """Records of the runs of one workflow.

    Parameters
    ----------
    keeper
        Keeps the bytes.
    folder
        Where they are.
    """

    def __init__(self, keeper: Keeper, folder: str) -> None:
        self._keeper = keeper
        self._folder = folder

    def keep(self, summary: Mapping[str, Any]) -> None:
        """Keep what a run did, and of the runs before it the last 19.

        Parameters
        ----------
        summary
            As `functionfuse.report.summarize` makes it.

        Raises
        ------
        OSError
            If it can't be written.
        """
        import gzip
        import json
        from datetime import datetime, timezone

        began = datetime.fromtimestamp(summary["started"], timezone.utc)
        data = gzip.compress(json.dumps(summary, separators=(",", ":")).encode(), FASTEST, mtime=0)
        self._keeper.prepare(self._folder)
        key = f"{self._folder}/{began:%Y-%m-%dT%H-%M-%S.%fZ}"
        self._keeper.write(key, lambda write_all: write_all(data))
        for name in self.names()[:-MOST_KEPT]:
            with contextlib.suppress(FileNotFoundError):  # Another run has removed it.
                self._keeper.remove(f"{self._folder}/{name}")

    def names(self) -> list[str]:
        """Return what the records are called, from the earliest to the last: when runs began."""
        return sorted(self._keeper.list(self._folder))

    def read(self, name: str) -> dict[str, Any]:
        """Return what a run did.

        Parameters
        ----------
        name
            One of `names`.

        Raises
        ------
        FileNotFoundError
            If there is no such record.
        ValueError
            If it is damaged.
        """
        import gzip
        import json
        import zlib

        data = self._keeper.read(f"{self._folder}/{name}")
        try:
            summary: dict[str, Any] = json.loads(gzip.decompress(data))
        except (OSError, EOFError, zlib.error, ValueError) as error:
            msg = f"the record of the run of {name} is damaged: {error}"
            raise ValueError(msg) from error
        return summary
