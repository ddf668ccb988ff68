"""Names that Kubeflow Pipelines and registries take, made of names that are any text."""

from __future__ import annotations

import re
from collections.abc import Container
from hashlib import blake2b

__all__ = ["check_secret_name", "clean_name", "parameter_name", "unique"]

MAX_CHARACTERS = 50
"""With what KFP adds, a name stays below the 63 characters of Kubernetes' labels."""

_SECRET_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def clean_name(name: str, fallback: str = "node") -> str:
    """Return a name of small letters, digits and dashes; one that is cut ends in a digest."""
    cleaned = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-") or fallback
    if len(cleaned) <= MAX_CHARACTERS:
        return cleaned
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{cleaned[: MAX_CHARACTERS - 9].rstrip('-')}-{digest}"


def parameter_name(name: str) -> str:
    """Return a name of letters, digits and underscores that starts with a letter."""
    cleaned = re.sub("[^A-Za-z0-9]+", "_", name).strip("_")
    return cleaned if cleaned[:1].isalpha() else f"p_{cleaned}"


def unique(name: str, taken: Container[str], separator: str) -> str:
    """Return the name, with a number if it is taken."""
    found, number = name, 2
    while found in taken:
        found = f"{name}{separator}{number}"
        number += 1
    return found


def check_secret_name(name: str) -> str:
    """Return a name that a Kubernetes secret can have.

    Raises
    ------
    ValueError
        If it can't.
    """
    if not isinstance(name, str) or not _SECRET_NAME.fullmatch(name):
        msg = (
            "the name of a Kubernetes secret has small letters, digits, '-' and '.', "
            f"such as 'registry-login', got {name!r}"
        )
        raise ValueError(msg)
    return name
