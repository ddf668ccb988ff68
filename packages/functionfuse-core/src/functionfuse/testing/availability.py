"""Tests that need an engine or library: skipped without it, but never in CI."""

from __future__ import annotations

import importlib
import os
from typing import Any, NoReturn

import pytest

__all__ = ["require", "unavailable"]


def require(module: str) -> Any:
    """Import what a test needs; without it the test, or the module, is skipped.

    Where the environment variable `CI` is set it fails instead: there, a skipped engine
    would pass for a tested one.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        unavailable(f"{module} is not installed: {error}")


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or the module, that this is called in; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)
