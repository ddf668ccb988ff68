"""Running a graph as a Prefect flow."""

from functionfuse.backends.addons.prefectback._query import Query
from functionfuse.backends.addons.prefectback._workflow import PrefectWorkflow

__all__ = ["PrefectWorkflow", "Query"]
