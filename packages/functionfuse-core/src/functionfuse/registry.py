"""Which storages and backends there are, and what has to be installed for each.

Those of this project stand in the tables below. Any other distribution can add its own
as entry points in the groups `functionfuse.storages` and `functionfuse.backends`: a
storage is a class with `from_options`, a backend a class like `LocalWorkflow`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["BACKENDS", "STORAGES", "Builtin", "Registry"]


class Builtin(NamedTuple):
    """Where one of this project's storages or backends is."""

    path: str
    """Import path, `module:attribute`."""
    extra: str | None = None
    """The extra of functionfuse-core that installs it; None for what core holds."""
    distribution: str = "functionfuse-core"


class Registry(NamedTuple):
    """All storages, or all backends."""

    what: str
    """What is registered, for messages."""
    group: str
    """The entry points' group for those of other distributions."""
    builtins: Mapping[str, Builtin]

    def names(self) -> list[str]:
        """Return the names of all, sorted."""
        from importlib.metadata import entry_points

        return sorted({*self.builtins, *entry_points(group=self.group).names})

    def find(self, name: str) -> Any:
        """Import one.

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
            msg = f"a {self.what} is text, got {name!r} of type {type(name).__name__}"
            raise TypeError(msg)
        builtin = self.builtins.get(name)
        if builtin is None:
            return self._find_entry_point(name)
        module, _, attribute = builtin.path.partition(":")
        if importlib.util.find_spec(module) is None:
            msg = (
                f"{self.what} {name!r} needs {builtin.distribution}: "
                f'pip install "functionfuse-core[{builtin.extra}]"'
            )
            raise ImportError(msg)
        return getattr(importlib.import_module(module), attribute)

    def kind_of(self, value: Any) -> str | None:
        """Return under which name this project's own class of an object is; None if no one's."""
        module = type(value).__module__
        for name, builtin in self.builtins.items():
            own = builtin.path.partition(":")[0]
            if module == own or module.startswith(f"{own}."):
                return name
        return None

    def _find_entry_point(self, name: str) -> Any:
        from importlib.metadata import entry_points

        for entry_point in entry_points(group=self.group, name=name):
            return entry_point.load()
        known = ", ".join(map(repr, self.names()))
        msg = f"unknown {self.what} {name!r}; there are {known}"
        raise ValueError(msg)


STORAGES = Registry(
    "storage kind",
    "functionfuse.storages",
    {
        "file": Builtin("functionfuse.storage.filestorage:FileStorage"),
        "ray": Builtin(
            "functionfuse.storage.rayfilestorage:FileStorage", "ray", "functionfuse-storage"
        ),
        "S3": Builtin("functionfuse.storage.s3storage:S3FileStorage", "s3", "functionfuse-storage"),
    },
)

BACKENDS = Registry(
    "backend",
    "functionfuse.backends",
    {
        "local": Builtin("functionfuse.backends.builtin.localback:LocalWorkflow"),
        "graph": Builtin("functionfuse.backends.builtin.graphback:GraphWorkflow"),
        "ray": Builtin(
            "functionfuse.backends.builtin.rayback:RayWorkflow", "ray", "functionfuse-ray"
        ),
        "prefect": Builtin(
            "functionfuse.backends.addons.prefectback:PrefectWorkflow",
            "prefect",
            "functionfuse-prefect",
        ),
        "kfp": Builtin(
            "functionfuse.backends.addons.kfpback:KFPWorkflow", "kfp", "functionfuse-kfp"
        ),
    },
)
