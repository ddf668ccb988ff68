"""Backends that come with the project's first-class packages."""

__path__ = __import__("pkgutil").extend_path(__path__, __name__)
