"""Errors that are this library's own, as a tree: each is also a builtin's subclass.

What is simply a wrong argument is a plain `TypeError` or `ValueError`.

FunctionFuseError
 ├── GraphError (ValueError)                    a graph that no workflow can be made of
 │    └── DuplicateNameError                    two nodes of one name
 ├── MissingSerializerError (LookupError)       a saved result's serializer is not registered
 ├── MissingProgramError (FileNotFoundError)    a program that draws is not installed
 ├── DamagedResultError (ValueError)            a saved result is truncated, changed or foreign
 ├── UnreachableStorageError (ConnectionError)  a storage on another machine can't be reached
 ├── WorkersLostError (RuntimeError)            an executor is shut down or its workers died
 └── NodeError (RuntimeError)                   a failure whose exception can't be rebuilt here

UserWarning
 ├── ChangedNodesWarning                   saved results are reused although their making changed
 ├── DamagedResultWarning                  a damaged saved result is computed again
 └── NoMatchWarning                        a pattern that no node's name matches
"""

from __future__ import annotations

import sys
import warnings

__all__ = [
    "ChangedNodesWarning",
    "DamagedResultError",
    "DamagedResultWarning",
    "DuplicateNameError",
    "FunctionFuseError",
    "GraphError",
    "MissingProgramError",
    "MissingSerializerError",
    "NoMatchWarning",
    "NodeError",
    "RemoteTraceback",
    "UnreachableStorageError",
    "WorkersLostError",
    "add_note",
    "notes",
    "warn",
]

PACKAGE = "functionfuse."


class FunctionFuseError(Exception):
    """What the errors below are."""


class GraphError(FunctionFuseError, ValueError):
    """A graph that no workflow can be made of."""


class DuplicateNameError(GraphError):
    """Two nodes of one name in a workflow."""


class DamagedResultError(FunctionFuseError, ValueError):
    """A saved result that is truncated, changed, or not this library's."""


class MissingProgramError(FunctionFuseError, FileNotFoundError):
    """A program that this library calls is not installed."""


class MissingSerializerError(FunctionFuseError, LookupError):
    """A saved result holds an object whose serializer is not registered."""


class NodeError(FunctionFuseError, RuntimeError):
    """A node's failure whose own exception can't be rebuilt in this process."""


class UnreachableStorageError(FunctionFuseError, ConnectionError):
    """A storage on another machine can't be reached: nothing there can be read or saved."""


class WorkersLostError(FunctionFuseError, RuntimeError):
    """An executor takes no more work: it is shut down, or its workers died."""


class RemoteTraceback(Exception):  # noqa: N818  It stands for what caused an error elsewhere.
    """The traceback of an error in another process, as text; the cause of that error here."""

    def __init__(self, text: str) -> None:
        super().__init__(text)

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class ChangedNodesWarning(UserWarning):
    """Saved results are reused by their names although what they were made from changed."""


class DamagedResultWarning(UserWarning):
    """A saved result is damaged or gone and will be computed again."""


class NoMatchWarning(UserWarning):
    """A pattern that the name of no node matches, so what was set holds for none."""


def add_note(error: BaseException, note: str) -> None:
    """Add a sentence to an exception, shown below its traceback.

    Python 3.10 shows no notes: there the sentence is also logged.
    """
    if note in notes(error):
        return
    # Not by its `add_note`: an exception may be frozen.
    vars(error)["__notes__"] = [*notes(error), note]
    if sys.version_info < (3, 11):
        import logging

        logging.getLogger("functionfuse").error("%s", note)


def notes(error: BaseException) -> list[str]:
    """Return the sentences that were added to an exception, on any Python."""
    return getattr(error, "__notes__", [])


def warn(message: str, category: type[Warning]) -> None:
    """Warn of something at the user's own line, the nearest outside this package."""
    level = 1
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(PACKAGE):
        level += 1
        frame = frame.f_back
    warnings.warn(message, category, stacklevel=level)
