"""Drawing a graph instead of running it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from functionfuse.baseworkflow import BaseWorkflow
from functionfuse.errors import MissingProgramError
from functionfuse.storage.filenames import encode_filename

__all__ = ["GraphWorkflow"]


class GraphWorkflow(BaseWorkflow):
    """A workflow whose run draws its graph and executes nothing.

    Parameters
    ----------
    *nodes
        Nodes, or items of nodes, as other workflows are given.
    workflow_name
        The name of the workflow, after which the files are called.
    doc_path
        Folder of the files; made if absent.

    Raises
    ------
    TypeError
        If `doc_path` is not a path.

    Examples
    --------
    >>> import tempfile
    >>> from functionfuse import workflow
    >>> @workflow
    ... def double(x):
    ...     return 2 * x
    >>> folder = tempfile.mkdtemp()
    >>> w = GraphWorkflow(double(double(2)), workflow_name="doubles", doc_path=folder)
    >>> [path.name for path in w.run()][:2]
    ['doubles.mmd', 'doubles.dot']
    """

    def __init__(self, *nodes: Any, workflow_name: str, doc_path: str | os.PathLike[str]) -> None:
        super().__init__(*nodes, workflow_name=workflow_name)
        if not isinstance(doc_path, (str, os.PathLike)):
            msg = (
                f"doc_path is that of a folder, got {doc_path!r} of type {type(doc_path).__name__}"
            )
            raise TypeError(msg)
        self.doc_path = Path(doc_path)

    def run(self) -> list[Path]:
        """Write the graph as Mermaid, as DOT and, where Graphviz is installed, as SVG.

        Returns
        -------
        list of Path
            The files. Without Graphviz a logged warning says how to get the third.
        """
        writers = {".mmd": self.to_mermaid, ".dot": self.to_dot, ".svg": self.to_svg}
        self.doc_path.mkdir(parents=True, exist_ok=True)
        paths = []
        for suffix, write in writers.items():
            path = self.doc_path / (encode_filename(self.workflow_name) + suffix)
            try:
                path.write_text(write(), encoding="utf-8")
            except MissingProgramError as error:
                import logging

                logging.getLogger("functionfuse").warning("no %s written: %s", path, error)
            else:
                paths.append(path)
        return paths
