"""Where things are inside an image."""

from __future__ import annotations

__all__ = ["APP", "LIBRARY", "MODULE", "OUTCOMES_VARIABLE", "STORAGE", "VALUES"]

MODULE = "functionfuse.backends.addons.kfpcontainer"

ROOT = "/functionfuse"
APP = f"{ROOT}/app"
"""The user's files."""

LIBRARY = f"{ROOT}/lib"
"""Functionfuse and cloudpickle: found after the user's files, and before what the base image has,
so that containers have the versions that the driver has."""

VALUES = f"{ROOT}/values"
"""Pickles: arguments, and functions that can't be imported, each under its digest."""

STORAGE = f"{ROOT}/storage"
"""Pickle of the storage's handle."""

OUTCOMES_VARIABLE = "FUNCTIONFUSE_OUTCOMES"
"""Environment variable that names the file which tells a driver on the same machine what
became of the nodes."""
