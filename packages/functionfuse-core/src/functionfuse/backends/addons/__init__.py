"""Backends on engines with a life of their own."""

__path__ = __import__("pkgutil").extend_path(__path__, __name__)
