"""What dask stores the blocks of an array in."""

from __future__ import annotations

import threading
import uuid
from typing import Any

__all__ = ["Target"]


class Target:
    """A zarr array that can be closed.

    When a block fails, dask raises at once, while threads still write other blocks. What
    they wrote can be removed only once they are done.

    Parameters
    ----------
    stored
        The zarr array.
    """

    def __init__(self, stored: Any) -> None:
        self._stored = stored
        self._changed = threading.Condition()
        self._writing = 0
        self._is_closed = False

    def __reduce__(self) -> tuple[Any, ...]:
        return Target, (self._stored,)

    def __dask_tokenize__(self) -> str:
        return uuid.uuid4().hex

    def __setitem__(self, region: Any, block: Any) -> None:
        with self._changed:
            if self._is_closed:
                msg = "another block of the array failed"
                raise RuntimeError(msg)
            self._writing += 1
        try:
            self._stored[region] = block
        finally:
            with self._changed:
                self._writing -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Let no thread of this process start to write any more; wait for those that do."""
        with self._changed:
            self._is_closed = True
            self._changed.wait_for(lambda: not self._writing)
