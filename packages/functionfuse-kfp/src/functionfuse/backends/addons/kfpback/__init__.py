"""The Kubeflow Pipelines backend: each node a container, from an image of the user's code.

Only what runs a workflow imports kfp and docker: a script that makes one can also be
imported in its own containers, which have neither.
"""

from functionfuse.backends.addons.kfpback._cluster import KFPRun
from functionfuse.backends.addons.kfpback._errors import ImageError
from functionfuse.backends.addons.kfpback._query import Query
from functionfuse.backends.addons.kfpback._workflow import KFPWorkflow

__all__ = ["ImageError", "KFPRun", "KFPWorkflow", "Query"]
