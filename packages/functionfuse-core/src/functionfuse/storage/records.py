"""Records of a workflow's runs: what each did, kept beside the results."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any

from functionfuse.storage.keeper import Keeper

__all__ = ["Records"]

FASTEST = 1
"""Level of compression: the highest makes records a tenth smaller in eight times the time."""

_NAME = re.compile(r"\d{4}-\d\d-\d\dT[\d-]{8}\.\d{6}Z")

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
        name = f"{began:%Y-%m-%dT%H-%M-%S.%fZ}"
        self._keeper.write(f"{self._folder}/{name}", lambda write_all: write_all(data))
        earlier = [kept for kept in self.names() if kept != name]  # The clock may have been wrong.
        for other in earlier[: 1 - MOST_KEPT]:
            with contextlib.suppress(FileNotFoundError):  # Another run has removed it.
                self._keeper.remove(f"{self._folder}/{other}")

    def names(self) -> list[str]:
        """Return what the records are called, from the earliest to the last: when runs began."""
        return sorted(filter(_NAME.fullmatch, self._keeper.list(self._folder)))

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
