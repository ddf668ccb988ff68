"""Backends: `prefectback` (Prefect) and `kfpback` (Kubeflow Pipelines)."""

__path__ = __import__("pkgutil").extend_path(__path__, __name__)
