"""What ends a command: wrong use, in a sentence, or the user's own code, with its traceback."""

from __future__ import annotations

import traceback
from types import FrameType

from functionfuse.errors import FunctionFuseError

__all__ = ["NODE_FAILED", "USAGE_ERROR", "USAGE_ERRORS", "UsageError", "UserCodeError"]

NODE_FAILED = 1
USAGE_ERROR = 2


class UsageError(Exception):
    """A command that can't be done: says in a sentence why."""


USAGE_ERRORS = (
    UsageError,
    FunctionFuseError,
    ValueError,
    TypeError,
    OSError,
    ImportError,
    NotImplementedError,
)
"""What this library raises of wrong use; its messages are sentences."""


class UserCodeError(Exception):
    """An error in the user's code.

    Parameters
    ----------
    error
        What it raised.
    exit_code
        What the command ends with.
    """

    def __init__(self, error: BaseException, exit_code: int) -> None:
        super().__init__(error, exit_code)
        self.error = error
        self.exit_code = exit_code

    def print_traceback(self) -> None:
        """Print the traceback from where the user's code begins."""
        own = self.error.__traceback__
        while own is not None and _leads_to_users_code(own.tb_frame):
            own = own.tb_next
        traceback.print_exception(self.error.with_traceback(own))


def _leads_to_users_code(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    return package in ("functionfuse", "importlib")
