"""Backends: `localback` (this process and executors) and `rayback` (Ray)."""

__path__ = __import__("pkgutil").extend_path(__path__, __name__)
