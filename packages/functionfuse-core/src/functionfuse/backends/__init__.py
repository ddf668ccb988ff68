"""Engines that run a graph, and the plugins that prepare their workers."""

__path__ = __import__("pkgutil").extend_path(__path__, __name__)
