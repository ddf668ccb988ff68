"""Options of Prefect for sets of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prefect import Task

from functionfuse import baseworkflow
from functionfuse.backends.addons.prefectback._options import check_options

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Query"]


class Query(baseworkflow.Query):
    """Nodes of a `PrefectWorkflow` that were selected by their names."""

    def set_task_args(self, args: Mapping[str, Any]) -> Self:
        """Set options of Prefect on these nodes, in place of those set before.

        Parameters
        ----------
        args
            Arguments of `prefect.task`: `retries`, `timeout_seconds`, `tags`,
            `log_prints`, …

        Raises
        ------
        TypeError
            If Prefect does not know an option.
        Exception
            If Prefect does not take its value.
        """
        check_options("set_task_args", Task.__init__, args)
        Task(_probe, **args)  # Prefect's own check of the values.
        workflow: Any = self.workflow
        options = dict(args)
        for node in self.nodes:
            workflow.task_args[workflow.graph.positions[node]] = options
        return self


def _probe() -> None:
    """Stand for any function."""
