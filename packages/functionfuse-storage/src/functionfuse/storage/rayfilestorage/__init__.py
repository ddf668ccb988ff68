"""Results as files on one node of a Ray cluster."""

import importlib.util

if importlib.util.find_spec("ray") is None:
    msg = 'functionfuse.storage.rayfilestorage needs ray: pip install "functionfuse-core[ray]"'
    raise ImportError(msg, name="ray")

from functionfuse.storage.rayfilestorage._actor import StorageActor
from functionfuse.storage.rayfilestorage._cluster import has_node_with, start_ray
from functionfuse.storage.rayfilestorage._storage import FileStorage

__all__ = ["FileStorage", "StorageActor", "has_node_with", "start_ray"]
