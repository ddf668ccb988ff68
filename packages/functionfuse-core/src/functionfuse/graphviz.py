"""Pictures by the program `dot` of Graphviz, where it is installed."""

from __future__ import annotations

import shutil
import subprocess

from functionfuse.errors import MissingProgramError

__all__ = ["has_graphviz", "to_svg"]

PROGRAM = "dot"


def has_graphviz() -> bool:
    """Tell whether the program is there."""
    return shutil.which(PROGRAM) is not None


def to_svg(dot: str) -> str:
    """Draw a graph that is given in DOT.

    Raises
    ------
    MissingProgramError
        If Graphviz is not installed: says how to get it.
    RuntimeError
        If it refuses the graph: gives what it says.
    """
    path = shutil.which(PROGRAM)
    if path is None:
        msg = (
            "an SVG picture needs Graphviz, whose program 'dot' is not on the path: "
            "apt install graphviz, brew install graphviz or conda install graphviz; "
            "Mermaid and DOT need nothing"
        )
        raise MissingProgramError(msg)
    text = dot.encode(errors="replace")  # Names may hold what is no Unicode.
    done = subprocess.run([path, "-Tsvg"], input=text, capture_output=True, check=False)
    if done.returncode:
        msg = f"{path} can't draw the graph: {done.stderr.decode(errors='replace').strip()}"
        raise RuntimeError(msg)
    return done.stdout.decode()
