"""Where another process finds a workflow: a file, and a name in it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["entrypoint_of"]


def entrypoint_of(workflow: Any) -> tuple[str, str]:
    """Return a folder, and where in it Prefect finds the workflow's flow.

    Raises
    ------
    ValueError
        If the workflow is no global variable of a file.
    """
    modules = dict(sys.modules)
    for module in [modules["__main__"], *modules.values()]:
        variables = vars(module) if isinstance(module, ModuleType) else {}
        path = Path(variables.get("__file__") or "")
        if path.suffix != ".py":
            continue
        for name, value in list(variables.items()):
            if value is workflow:
                path = path.resolve()
                folder = _import_root(path, variables.get("__package__"))
                return str(folder), f"{path.relative_to(folder)}:{name}.flow"
    msg = (
        f"workflow {workflow.workflow_name!r} can't be deployed: each run imports it in a new "
        "process, so it must be a global variable of a .py file:\n\n"
        "    w = PrefectWorkflow(node, workflow_name=…)   # at the left margin of script.py\n\n"
        '    if __name__ == "__main__":\n'
        "        w.serve(…)"
    )
    raise ValueError(msg)


def _import_root(path: Path, package: str | None) -> Path:
    """Return the folder in which a module's package lies; a run starts there, and can import it."""
    folder = path.parent
    for _ in package.split(".") if package else ():
        folder = folder.parent
    return folder
