"""The saved results of one workflow during a run: what is there, loading, saving."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from functionfuse.errors import ChangedNodesWarning, DamagedResultError, DamagedResultWarning, warn
from functionfuse.graph import Graph
from functionfuse.plan import Plan, make_plan
from functionfuse.record import RunRecord, State
from functionfuse.storage.base import Storage
from functionfuse.storage.format import Header
from functionfuse.storage.index import Saved
from functionfuse.worker import Destination

if TYPE_CHECKING:
    from functionfuse.reuse.fingerprint import Fingerprint

__all__ = ["LOSSES", "Replan", "SavedResults"]

LOSSES = (DamagedResultError, FileNotFoundError)
"""What loading a result raises when it must be computed again."""

NAMES_SHOWN = 10


class Replan(Exception):  # noqa: N818  No user ever sees it.
    """A saved result can't be loaded after all: the run must be planned again."""


class SavedResults:
    """What a storage has of a workflow.

    Parameters
    ----------
    storage
        The storage; it is listed once, now.
    workflow_name
        The workflow.
    warns
        Whether `plan` warns of what is damaged or changed.
    """

    def __init__(self, storage: Storage, workflow_name: str, *, warns: bool = True) -> None:
        self._storage = storage
        self._workflow_name = workflow_name
        listing = storage.list_saved(workflow_name)
        self._saved = listing.saved
        self._is_index_stale = not listing.is_indexed
        self._damaged: dict[str, Exception] = {**listing.damaged}
        self._has_warned = not warns

    def plan(
        self,
        graph: Graph,
        reuse: str,
        logs: Collection[int],
        finished: Collection[int],
        returned: frozenset[int],
    ) -> Plan:
        """Plan a run with what is saved; see `functionfuse.plan.make_plan`."""
        plan = make_plan(graph, self._saved, reuse, returned, logs=logs, finished=finished)
        if not self._has_warned:
            self._has_warned = True
            for name in self._damaged.keys() & graph.by_name.keys():
                self._warn_damaged(name, self._damaged[name])
            if plan.changed:
                self._warn_changed(plan)
        return plan

    def has(self, name: str) -> bool:
        """Tell whether a result is saved, as far as the listing says."""
        return name in self._saved

    def damaged(self) -> Collection[str]:
        """Return the names under which something damaged is saved, as far as that is known."""
        return self._damaged.keys()

    def damage(self, name: str) -> Exception | None:
        """Return what is wrong with what is saved under a name, if that is known."""
        return self._damaged.get(name)

    def headers(self, names: Iterable[str]) -> Mapping[str, Header]:
        """Read the headers of the results that are saved under some names."""
        listed = [name for name in names if name in self._saved]
        return self._storage.read_headers(self._workflow_name, listed)

    def stored_bytes(self, name: str) -> int:
        """Return the size of a saved result; 0 if there is none."""
        saved = self._saved.get(name)
        return 0 if saved is None else saved.stamp.nbytes

    def load(self, name: str) -> Any:
        """Load a result that the plan counts on.

        Raises
        ------
        Replan
            If it is damaged, gone or replaced; it is then no longer counted on.
        """
        try:
            return self._storage.read_saved(self._workflow_name, self._saved[name])
        except LOSSES as error:
            self.lose(name, error)
            raise Replan from error

    def place(self, name: str) -> tuple[Storage, str, Saved]:
        """Return storage, workflow and entry of a saved result, for a worker that loads it."""
        return self._storage, self._workflow_name, self._saved[name]

    def lose(self, name: str, error: Exception) -> None:
        """Warn of a result that turned out damaged or gone, and count on it no longer."""
        del self._saved[name]
        self._damaged[name] = error
        self._is_index_stale = True
        self._warn_damaged(name, error)

    def destination(self, name: str, fingerprint: Fingerprint) -> Destination:
        """Return what saves the result of a node, here or in a worker."""
        return Destination(self._storage, self._workflow_name, name, fingerprint.to_header())

    def note(self, saved: Saved) -> None:
        """Take down that a result was saved."""
        self._saved[saved.task] = saved
        self._is_index_stale = True

    def write_index(self) -> None:
        """Write down what is saved, for the next run."""
        if not self._is_index_stale:
            return
        try:
            self._storage.write_index(self._workflow_name, self._saved.values())
        except OSError:
            self._log("no index of workflow %r written")  # The next run reads headers instead.

    def keep_record(self, record: RunRecord) -> None:
        """Keep what a run did, if it executed or failed anything, for later reports."""
        counts = record.counts()
        if not counts[State.EXECUTED.value] and State.FAILED.value not in counts:
            return
        from functionfuse.report import summarize

        try:
            self._storage.records(self._workflow_name).keep(summarize(record))
        except OSError:
            self._log("no record of the run of workflow %r kept")

    def _log(self, message: str) -> None:
        import logging

        logging.getLogger("functionfuse").warning(message, self._workflow_name, exc_info=True)

    def _warn_changed(self, plan: Plan) -> None:
        from functionfuse.why import what_changed

        changed = {plan.graph.names[position]: position for position in plan.changed}
        shown = list(changed)[:NAMES_SHOWN]
        headers = self.headers(shown)
        lines = []
        for name in shown:
            what = "damaged or gone"  # If it is needed, loading it will tell.
            if name in headers:
                what = "; ".join(map(str, what_changed(plan, changed[name], headers[name])))
            lines.append(f"  {name!r}: {what}")
        if len(changed) > NAMES_SHOWN:
            lines.append(f"  and {len(changed) - NAMES_SHOWN} more")
        msg = (
            f"{len(changed)} saved results of workflow {self._workflow_name!r} are reused by "
            "their names although what they were made from changed (run(reuse='unchanged') "
            "executes them again, why() tells of each node):\n" + "\n".join(lines)
        )
        warn(msg, ChangedNodesWarning)

    def _warn_damaged(self, name: str, error: Exception) -> None:
        msg = f"{error}; node {name!r} counts as not saved and executes again"
        warn(msg, DamagedResultWarning)
