"""A backend of Function Fuse that runs graphs on a Dask cluster."""

from functionfuse_dask._scheduler import NodeFailed
from functionfuse_dask._workflow import DaskWorkflow

__all__ = ["DaskWorkflow", "NodeFailed"]
