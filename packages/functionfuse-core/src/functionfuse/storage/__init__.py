"""Storages: where the results of nodes are kept."""

__path__ = __import__("pkgutil").extend_path(__path__, __name__)

from functionfuse.storage.factory import storage_factory

__all__ = ["storage_factory"]
