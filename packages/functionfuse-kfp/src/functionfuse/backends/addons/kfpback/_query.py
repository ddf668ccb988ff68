"""Options of Kubeflow Pipelines for sets of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from functionfuse import baseworkflow
from functionfuse.backends.addons.kfpback._options import check_task_args

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Query"]


class Query(baseworkflow.Query):
    """Nodes of a `KFPWorkflow` that were selected by their names."""

    def set_task_args(self, args: Mapping[str, Any]) -> Self:
        """Set options of these nodes' tasks, in place of those set before.

        Parameters
        ----------
        args
            `cpu_limit`, `cpu_request`, `memory_limit`, `memory_request` (as KFP writes them:
            `"500m"`, `"2Gi"`), `accelerator_type`, `accelerator_limit`, `retries` (a number, or
            the arguments of KFP's `set_retry`), `caching` (whether KFP may take a result from
            its own cache), `env` (variables), `node_selector` (labels), `tolerations` (a list
            of arguments of `kfp.kubernetes.add_toleration`), `image_pull_policy`, `timeout`
            (seconds).

        Raises
        ------
        TypeError
            If there is no such option.
        Exception
            If KFP does not take its value.
        """
        check_task_args(args)
        workflow: Any = self.workflow
        options = dict(args)
        for node in self.nodes:
            workflow.task_args[workflow.graph.positions[node]] = options
        return self
