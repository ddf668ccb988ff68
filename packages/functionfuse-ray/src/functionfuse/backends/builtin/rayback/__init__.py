"""Running a graph on a Ray cluster."""

from functionfuse.backends.builtin.rayback._query import Query
from functionfuse.backends.builtin.rayback._workflow import RayWorkflow

__all__ = ["Query", "RayWorkflow"]
