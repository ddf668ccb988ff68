"""Which storages and backends there are, and what has to be installed for each.

Those of this project stand in the tables below. Any other distribution can add its own
as entry points in the groups `functionfuse.storages` and `functionfuse.backends`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["BACKENDS", "STORAGES", "Builtin", "find", "names"]


class Builtin(NamedTuple):
    """Where one of this project's storages or backends is."""

    path: str
    """Import path, `module:attribute`."""
    extra: str | None = None
    """The extra of functionfuse-core that installs it; None for what core holds."""
    distribution: str = "functionfuse-core"


STORAGES: Mapping[str, Builtin] = {
    "file": Builtin("functionfuse.storage.filestorage:FileStorage"),
    "ray": Builtin(
        "functionfuse.storage.rayfilestorage:FileStorage", "ray", "functionfuse-storage"
    ),
    "S3": Builtin("functionfuse.storage.s3storage:S3FileStorage", "s3", "functionfuse-storage"),
}

BACKENDS: Mapping[str, Builtin] = {
    "local": Builtin("functionfuse.backends.builtin.localback:LocalWorkflow"),
    "ray": Builtin("functionfuse.backends.builtin.rayback:RayWorkflow", "ray", "functionfuse-ray"),
    "prefect": Builtin(
        "functionfuse.backends.addons.prefectback:PrefectWorkflow",
        "prefect",
        "functionfuse-prefect",
    ),
    "kfp": Builtin("functionfuse.backends.addons.kfpback:KFPWorkflow", "kfp", "functionfuse-kfp"),
}


def names(builtins: Mapping[str, Builtin], group: str) -> list[str]:
    """Return the names of all storages or backends, built in and of other distributions."""
    from importlib.metadata import entry_points

    return sorted({*builtins, *entry_points(group=group).names})


def find(name: str, builtins: Mapping[str, Builtin], group: str) -> Any:
    """Import a storage or backend.

    Parameters
    ----------
    name
        Its name, as in `names`.
    builtins
        `STORAGES` or `BACKENDS`.
    group
        The entry points' group for all others.

    Raises
    ------
    TypeError
        If the name is not text.
    ValueError
        If nothing has the name.
    ImportError
        If its distribution is not installed: says what to install.
    """
    if not isinstance(name, str):
        msg = f"one of {group} is found by its name, which is text, got {name!r}"
        raise TypeError(msg)
    builtin = builtins.get(name)
    if builtin is None:
        return _find_entry_point(name, builtins, group)
    module, _, attribute = builtin.path.partition(":")
    if importlib.util.find_spec(module) is None:
        kind = group.rpartition(".")[2].rstrip("s")
        msg = (
            f"{kind} {name!r} needs {builtin.distribution}: "
            f'pip install "functionfuse-core[{builtin.extra}]"'
        )
        raise ImportError(msg)
    return getattr(importlib.import_module(module), attribute)


def _find_entry_point(name: str, builtins: Mapping[str, Builtin], group: str) -> Any:
    from importlib.metadata import entry_points

    for entry_point in entry_points(group=group, name=name):
        return entry_point.load()
    msg = f"nothing is called {name!r} in {group}; there are {', '.join(names(builtins, group))}"
    raise ValueError(msg)
