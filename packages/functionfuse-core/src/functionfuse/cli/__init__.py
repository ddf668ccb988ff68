"""The command `functionfuse`: run, explain and draw graphs; look at and clear storages.

It ends with 0 if all went well, 1 if a node failed, 2 if it was used wrongly or something
that it needs is not there. Errors are a sentence; the user's own code has its traceback.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from functionfuse.cli.errors import USAGE_ERROR, USAGE_ERRORS, UserCodeError

__all__ = ["main"]

INTERRUPTED = 130
"""What shells tell of a command that ctrl-C ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what a command line says and return the exit code.

    Parameters
    ----------
    arguments
        The words after the command; None takes those that the process was given.
    """
    from functionfuse.cli.parser import make_parser

    options = make_parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            options.command(options)
            sys.stdout.flush()
    except UserCodeError as error:
        error.print_traceback()
        return error.exit_code
    except BrokenPipeError:  # Whoever reads the output, such as `head`, has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except USAGE_ERRORS as error:
        sys.stderr.write(f"functionfuse: {_sentence(error)}\n")
        return USAGE_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f": {error.filename}"
        return f"{error.strerror}{where}"
    return str(error)


def _show_warning(
    message: Warning | str, category: type[Warning], *where: Any, **more: Any
) -> None:
    """Show a warning without the line that it is given for, which is none of the user's."""
    sys.stderr.write(f"{category.__name__}: {message}\n")
