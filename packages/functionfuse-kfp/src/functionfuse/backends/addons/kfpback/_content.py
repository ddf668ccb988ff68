"""What a run's pipeline and image are made of, before there is either."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from functionfuse.backends.addons.kfpback._components import Component, make_components
from functionfuse.backends.addons.kfpback._context import PYTHON
from functionfuse.backends.addons.kfpback._values import Values
from functionfuse.backends.addons.kfpcontainer import ComponentSpec, SaveSpec, describe_script
from functionfuse.run import Run
from functionfuse.storage.base import Storage

__all__ = ["Content", "make_content"]


class Content(NamedTuple):
    """What a pipeline and its image are made of."""

    components: Sequence[Component]
    spec: ComponentSpec
    values: Mapping[str, bytes]
    """Pickles by their digests."""
    storage: bytes | None
    """Pickle of the storage's handle."""

    @property
    def references(self) -> set[str]:
        """The functions that the nodes call."""
        return {node.function for component in self.components for node in component.nodes}

    def parts(self) -> Iterator[tuple[str, bytes]]:
        """Yield what the pipeline tells of each component: what to call it, and its content."""
        for component in self.components:
            texts = [*component.parameters.values(), *[node.to_json() for node in component.nodes]]
            yield f"an argument of node {component.title!r}", "\n".join(texts).encode()


def make_content(
    run: Run,
    workflow_name: str,
    storage: Storage | None,
    saves: Mapping[int, SaveSpec],
    reuse: str | None,
) -> Content:
    """Make components of a run's plan, and pickle what they need.

    Parameters
    ----------
    run
        The run.
    workflow_name
        Under which results are saved.
    storage
        Where, if anywhere.
    saves
        With what each node's result is saved, by position.
    reuse
        The policy by which containers look into the storage; None if the plan did.

    Raises
    ------
    ValueError, TypeError
        If something of the workflow can't go into a container.
    """
    functions = [node.function.func for node in run.graph.nodes]
    needs_main = any(getattr(func, "__module__", None) == "__main__" for func in functions)
    try:
        script = describe_script(Path.cwd())
    except ValueError:
        if needs_main:
            raise
        script = None
    values = Values(script)
    components = make_components(run, values, saves, script)
    handle = None if storage is None else values.dump(storage)
    needs_main |= any(b"__main__" in data for data in (*values.pickles.values(), handle or b""))
    if script is not None and needs_main:
        _check_guard(script)
    spec = ComponentSpec(
        workflow_name, PYTHON, script if needs_main else None, reuse, storage is not None
    )
    return Content(components, spec, values.pickles, handle)


def _check_guard(script: str) -> None:
    """Refuse a script whose import would run it as a whole."""
    path = getattr(sys.modules["__main__"], "__file__", None)
    if path is not None and "__main__" not in Path(path).read_text(errors="replace"):
        msg = (
            f"the script {script!r} is imported in the containers, to find its functions: put what "
            'runs the workflow under `if __name__ == "__main__":`, or the functions into a module'
        )
        raise ValueError(msg)
