"""Why a run would execute, load or skip each node: what the plan decided, in words.

Nothing is decided here. The plan says what happens; the headers of saved results say what
they were made from, and so what changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from functionfuse.graph import Graph
from functionfuse.node import Construction, MethodCall
from functionfuse.plan import Action, Plan
from functionfuse.reuse.changes import Change, UpstreamChange, changes
from functionfuse.reuse.fingerprint import is_same_python
from functionfuse.storage.format import Header

if TYPE_CHECKING:
    from functionfuse.saved import SavedResults

__all__ = ["Explanation", "Explanations", "explain", "reasons", "what_changed"]

MOST_COMPARED = 100
"""Of so many changed nodes a run reads the headers, to say what changed."""

MOST_ROWS = 200
"""A notebook shows so many nodes."""

NAMES_SHOWN = 3


class Explanation(NamedTuple):
    """What a run would do with a node, and why."""

    name: str
    action: Action
    """Skip, load or execute, as in the plan."""
    reason: str
    """In short: `no storage`, `log node`, `instance`, `not saved`, `damaged`, `never reused`,
    `saved by hand`, `unchanged`, or `changed`, which a node that is reused by its name may be."""
    text: str
    """The reason in full, but for the changes."""
    header: Header | None = None
    """Of the saved result, if the reason is about one."""
    changes: Sequence[Change] = ()
    """What changed since the result was saved."""

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, for JSON; of the header what tells when and by what it was made."""
        header = self.header
        saved = header and {
            name: getattr(header, name) for name in ("started", "duration", "python")
        }
        return {
            "action": self.action.value,
            "reason": self.reason,
            "text": self.text,
            "saved": saved,
            "changes": [change.to_dict() for change in self.changes],
        }

    def __str__(self) -> str:
        line = f"{self.action.value:<8}{self.name}: {self.text}" + (":" if self.changes else "")
        return "\n          ".join([line, *map(str, self.changes)])


class Explanations(Mapping[str, Explanation]):
    """What a run would do with some nodes, and why, by their names in running order.

    Printed it is a text, in a notebook a table.
    """

    def __init__(self, explanations: Iterable[Explanation]) -> None:
        self._by_name = {explanation.name: explanation for explanation in explanations}

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return all of it by the nodes' names, for JSON."""
        return {name: explanation.to_dict() for name, explanation in self.items()}

    def __getitem__(self, name: str) -> Explanation:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __str__(self) -> str:
        return "\n".join(map(str, self.values()))

    def __repr__(self) -> str:
        executed = sum(explanation.action is Action.EXECUTE for explanation in self.values())
        return f"<why of {len(self)} nodes: {executed} execute; print it>"

    def _repr_html_(self) -> str:
        rows = [
            f"<tr><td>{escape(name)}</td><td>{explanation.action.value}</td><td>"
            + "<br>".join(escape(str(text)) for text in (explanation.text, *explanation.changes))
            + "</td></tr>"
            for name, explanation in list(self.items())[:MOST_ROWS]
        ]
        if len(self) > MOST_ROWS:
            rows.append(f'<tr><td colspan="3">and {len(self) - MOST_ROWS} more</td></tr>')
        head = "<tr><th>node</th><th>a run would</th><th>because</th></tr>"
        return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def explain(
    plan: Plan,
    positions: Sequence[int],
    saved: SavedResults | None,
    *,
    reuse: str,
    logs: Collection[int],
) -> Explanations:
    """Explain what a plan does with some nodes.

    Parameters
    ----------
    plan
        The plan.
    positions
        The nodes.
    saved
        The saved results that it was made for, None without a storage.
    reuse, logs
        What it was made with.
    """
    explainer = _Explainer(plan, positions, saved, reuse, logs)
    return Explanations(explainer.explain(position) for position in positions)


def reasons(
    plan: Plan, saved: SavedResults, *, reuse: str, logs: Collection[int]
) -> dict[int, str]:
    """Say in short why nodes execute although they could be saved, and which changes are ignored.

    Only the headers of the first hundred changed nodes are read.

    Parameters
    ----------
    plan, saved, reuse, logs
        As for `explain`.

    Returns
    -------
    dict
        By position. Any other node executes since it is not saved, or does not since it is.
    """
    graph = plan.graph
    changed = [position for position in plan.fingerprints if saved.has(graph.names[position])]
    compared = changed if reuse == "never" else changed[:MOST_COMPARED]  # That reads no header.
    explainer = _Explainer(plan, compared, saved, reuse, logs)
    found = dict.fromkeys(plan.changed, "saved already; reused by its name although it changed")
    found |= dict.fromkeys(changed[len(compared) :], "changed")
    damaged = [graph.by_name[name] for name in saved.damaged() if name in graph.by_name]
    instances = [position for position, instance in graph.instances.items() if position == instance]
    for position in (*compared, *logs, *damaged, *instances):
        if plan.actions[position] is Action.EXECUTE:
            found[position] = explainer.explain_briefly(position)
    return found


def what_changed(plan: Plan, position: int, header: Header) -> list[Change]:
    """Say what changed since the saved result of a node was made, that does not fit."""
    now = plan.fingerprints.get(position) or plan.changed[position]
    parents = [plan.graph.names[parent] for parent in plan.graph.parents[position]]
    return [
        _upstream(plan, position) if isinstance(change, UpstreamChange) else change
        for change in changes(now, header, parents)
    ]


def _upstream(plan: Plan, position: int) -> UpstreamChange:
    """Say which parents a change can come from: those that execute, else any."""
    graph = plan.graph
    instance: tuple[int, ...] = ()
    if type(graph.nodes[position]) is MethodCall:
        instance = graph.parents[position][: MethodCall.ORDER_PARENT + 1]
    # That an instance is made, and calls on it are made again, follows from this node's change.
    parents = [p for p in dict.fromkeys(graph.inputs[position]) if p not in instance]
    executing = [graph.names[p] for p in parents if plan.actions[p] is Action.EXECUTE]
    names = executing or [graph.names[p] for p in parents]
    causes = []
    if executing:
        causes.append(f"parent{'s' * (len(names) > 1)} {_listed(names)} will execute")
    elif names:
        causes.append(f"it was made from another result of {_listed(names)}")
    if instance:
        names = [graph.names[instance[0]], *names]
        causes.append(f"instance {names[0]!r} is in another state")
    return UpstreamChange(names, " or ".join(causes))


class _Explainer:
    """Explains one plan."""

    def __init__(
        self,
        plan: Plan,
        positions: Sequence[int],
        saved: SavedResults | None,
        reuse: str,
        logs: Collection[int],
    ) -> None:
        self._plan = plan
        self._saved = saved
        self._reuse = reuse
        self._logs = logs
        steps = list(zip(plan.order, plan.step_actions, strict=True))
        self._replays = {position for position, action in steps if action is Action.REPLAY}
        self._callers = _callers(
            plan.graph, [p for p, action in steps if action is not Action.LOAD]
        )
        names = [plan.graph.names[position] for position in positions]
        self._headers = saved.headers(names) if saved is not None and reuse != "never" else {}

    def explain(self, position: int) -> Explanation:
        name, action = self._plan.graph.names[position], self._plan.actions[position]
        reason, text, changed = self._reason(position, name)
        if action is Action.SKIP and reason != "instance":
            text += "; its result is not needed"
        if position in self._replays:
            text += "; the call is made again for the instance"
        header = self._headers.get(name)
        return Explanation(name, action, reason, text, header, changed)

    def explain_briefly(self, position: int) -> str:
        """Return the reason for what happens to a node: what changed, or what else decides."""
        _, text, changed = self._reason(position, self._plan.graph.names[position])
        return "; ".join(map(str, changed)) or text

    def _reason(self, position: int, name: str) -> tuple[str, str, Sequence[Change]]:
        """Go through what decides in the order in which the plan does."""
        if self._saved is None:
            return "no storage", "no storage is set, so everything executes", ()
        if type(self._plan.graph.nodes[position]) is Construction:
            caller = self._callers.get(position)
            need = "no call on it executes" if caller is None else f"{caller!r} needs the instance"
            return "instance", need, ()
        if position in self._logs:
            return "log node", "a log node always executes and is never saved", ()
        if self._saved.damage(name) is not None:
            return "damaged", f"damaged: {self._saved.damage(name)}", ()
        if not self._saved.has(name):
            return "not saved", "not saved", ()
        if self._reuse == "never":
            return "never reused", "reuse='never' executes everything", ()
        return self._reason_of_saved(position, name)

    def _reason_of_saved(self, position: int, name: str) -> tuple[str, str, Sequence[Change]]:
        header = self._headers.get(name)
        if header is None:
            return "damaged", "damaged or gone since it was listed", ()
        if not (header.fingerprint or {}).get("digest"):
            return "saved by hand", f"{_origin(header)}, by hand: its making is not known", ()
        if position in self._plan.changed:
            text = f"{_origin(header)}, reused by its name although it changed"
        elif position in self._plan.fingerprints:
            is_named = self._plan.graph.given_names[position] is not None
            text = f"{_origin(header)}, changed"
            if not is_named and self._reuse == "saved":
                text = f"{_origin(header)}, changed, and it has no name of its own"
        elif is_same_python(header.python):
            return "unchanged", f"{_origin(header)}, code and arguments unchanged", ()
        else:
            text = f"{_origin(header)}, arguments unchanged, code of another Python not compared"
            return "unchanged", text, ()
        return "changed", text, what_changed(self._plan, position, header)


def _callers(graph: Graph, executed: Iterable[int]) -> dict[int, str]:
    """Return for each instance the name of the first call on it that executes."""
    callers: dict[int, str] = {}
    for position in executed:
        instance = graph.instances.get(position, position)
        if instance != position:
            callers.setdefault(instance, graph.names[position])
    return callers


def _origin(header: Header) -> str:
    """Say when and by what a result was saved."""
    when = ""
    if header.started is not None:
        end = datetime.fromtimestamp(header.started + (header.duration or 0.0))
        when = f" on {end:%Y-%m-%d %H:%M}"
    return f"saved{when} by Python {header.python}"


def _listed(names: Sequence[str]) -> str:
    listed = ", ".join(map(repr, names[:NAMES_SHOWN]))
    return listed if len(names) <= NAMES_SHOWN else f"{listed} and {len(names) - NAMES_SHOWN} more"
