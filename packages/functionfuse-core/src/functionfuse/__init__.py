"""Write plain functions, call them into a graph, run the graph on any backend."""

__path__ = __import__("pkgutil").extend_path(__path__, __name__)

from functionfuse._version import __version__
from functionfuse.workflow import workflow

task = workflow

__all__ = ["__version__", "task", "workflow"]
