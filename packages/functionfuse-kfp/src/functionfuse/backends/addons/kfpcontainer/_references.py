"""How a container finds a function that a node calls.

A reference is text, one of

- `module:qualname`, imported;
- `__main__:qualname`, of the script that the workflow was made in. The script is imported
  under another name, so that what stands under `if __name__ == "__main__":` does not run;
- `.name`, a method of the instance that is the first argument;
- `#digest`, a pickle in the image.
"""

from __future__ import annotations

import importlib
import importlib.util
import pickle
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from functionfuse.backends.addons.kfpcontainer._places import APP, VALUES
from functionfuse.decoration import keep_importable
from functionfuse.stateful import Method

__all__ = [
    "SCRIPT_NAME",
    "describe_script",
    "import_script",
    "is_importing_script",
    "load_function",
    "load_value",
    "refer",
]

MAIN = "__main__"

SCRIPT_NAME = "__mp_main__"
"""What a script is called while it is imported, as Python's own multiprocessing calls it."""


AS_MODULE = "-m "
"""What stands before the name of a script that was started as a module."""

_importing = False


def refer(func: Callable[..., Any], *, script: str | None) -> str | None:
    """Return the reference to a function; None if it has to be pickled.

    Parameters
    ----------
    func
        The function.
    script
        Where `__main__` is, as `describe_script` returned it.
    """
    if isinstance(func, Method):
        return f".{func.name}"
    keep_importable(func)
    module = getattr(func, "__module__", None)
    qualname = getattr(func, "__qualname__", "")
    if not isinstance(module, str) or (module == MAIN and script is None):
        return None
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return f"{module}:{qualname}" if found is func else None


def describe_script(folder: Path) -> str | None:
    """Say where the running script is: its path in a folder, or `-m` and the module that it is.

    Returns
    -------
    str or None
        None in a notebook or an interactive session, which have no script.

    Raises
    ------
    ValueError
        If it is outside of the folder.
    """
    main = sys.modules[MAIN]
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != MAIN:
        return f"{AS_MODULE}{spec.name}"
    file = getattr(main, "__file__", None)
    if file is None or ("IPython" in sys.modules and "ipykernel" in file):
        return None
    if not Path(file).is_file():  # What is piped into Python has no name but `<stdin>`.
        return None
    path = Path(file).resolve()
    try:
        return path.relative_to(folder.resolve()).as_posix()
    except ValueError:
        msg = (
            f"the script {str(path)!r} is not in the current directory, whose files go into the "
            f"image: run it in its own folder, {str(path.parent)!r}"
        )
        raise ValueError(msg) from None


def load_function(reference: str, script: str | None) -> Callable[..., Any]:
    """Return what a reference refers to.

    Raises
    ------
    ImportError
        If it can't be found in this image.
    """
    if reference.startswith("#"):
        func: Callable[..., Any] = load_value(reference[1:])
        return func
    if reference.startswith("."):
        return Method(reference[1:])
    module, _, qualname = reference.partition(":")
    try:
        found: Any = import_script(script) if module == MAIN else importlib.import_module(module)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        what = f"the script {script!r}" if module == MAIN else f"module {module!r}"
        msg = (
            f"{qualname} of {what} can't be imported in this image ({error}): its module has to be "
            "in the directory that the workflow was run in, in its requirements.txt, or in the "
            "base image"
        )
        raise ImportError(msg) from error
    return found  # type: ignore[no-any-return]


def load_value(digest: str) -> Any:
    """Return an object that was pickled into the image."""
    return pickle.loads(Path(VALUES, digest).read_bytes())


def is_importing_script() -> bool:
    """Tell whether this is a container whose driver's script is being imported."""
    return _importing


def import_script(script: str | None) -> ModuleType:
    """Import the driver's script, once; it then is `__main__`, so that pickles find it there.

    Raises
    ------
    ImportError
        If it fails.
    """
    global _importing
    if _importing:
        return sys.modules[SCRIPT_NAME]
    assert script is not None
    main = sys.modules[MAIN]
    _importing = True
    try:
        module = _execute(script)
    except (Exception, SystemExit) as error:  # It is code of the user's.
        _importing = False
        sys.modules[MAIN] = main
        msg = f"the script {script!r} can't be imported: {type(error).__name__}: {error}"
        raise ImportError(msg) from error
    _rename(module)
    return module


def _execute(script: str) -> ModuleType:
    if script.startswith(AS_MODULE):
        name = script.removeprefix(AS_MODULE)
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            msg = f"no module {name!r}"
            raise ModuleNotFoundError(msg)
        path, package = found.origin, name.rpartition(".")[0]
    else:
        path, package = f"{APP}/{script}", None
        sys.path.insert(0, str(Path(path).parent))  # As Python does for a script.
    loader = SourceFileLoader(SCRIPT_NAME, path)  # Whatever the file's name ends in.
    spec = importlib.util.spec_from_file_location(SCRIPT_NAME, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    if package is not None:
        module.__package__ = package
    sys.modules[SCRIPT_NAME] = sys.modules[MAIN] = module
    loader.exec_module(module)
    return module


def _rename(module: ModuleType) -> None:
    """Let what a script defined pickle as it does in the driver: as `__main__`'s."""
    module.__name__ = MAIN
    values = list(vars(module).values())
    for value in values:
        for part in (value, getattr(value, "__wrapped__", None)):
            is_code = isinstance(part, (FunctionType, type))
            if is_code and getattr(part, "__module__", None) == SCRIPT_NAME:
                part.__module__ = MAIN
                values += vars(part).values() if isinstance(part, type) else ()
