"""Which nodes of a component are saved already, where no plan could tell.

A pipeline that was compiled for later schedules every node, and its containers ask the
storage. What `functionfuse.plan` decides for a whole graph is decided here for the nodes of
one component, of whose parents the fingerprints come with their results.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from functionfuse.backends.addons.kfpcontainer._spec import ComponentSpec, NodeSpec, SaveSpec
from functionfuse.errors import DamagedResultError
from functionfuse.reuse.changes import changes
from functionfuse.reuse.fingerprint import Ancestry, Fingerprint
from functionfuse.reuse.pieces import Piece, Pieces, read_pieces
from functionfuse.storage.base import Storage
from functionfuse.storage.format import Header
from functionfuse.storage.keeper import Stamp
from functionfuse.storage.lookup import describe_saved

__all__ = ["Decision", "decide"]

LOGGER = logging.getLogger("functionfuse")

MADE_FROM = "made_from"
"""Of a log node's fingerprint: what its result is made from, beside what it hands down.

See `functionfuse.reuse.lineage` for what it is for."""


class Decision(NamedTuple):
    """What becomes of a node."""

    fingerprint: Mapping[str, Any] | None
    """Of its result, for its children and its storage."""
    saved: Header | None = None
    """Of the saved result, if there is one to be used."""
    value: Any = None
    """That result."""


def decide(
    nodes: Sequence[NodeSpec],
    spec: ComponentSpec,
    storage: Storage | None,
    header_of: Callable[[str], Header],
) -> list[Decision]:
    """Decide what becomes of the nodes of a component.

    Parameters
    ----------
    nodes
        The nodes, in order.
    spec
        What they share.
    storage
        Where results are saved, if anywhere.
    header_of
        Gives the header of the artifact that is an input.
    """
    if spec.reuse is None or storage is None:
        return [Decision(node.save.fingerprint if node.save else None) for node in nodes]
    decisions: list[Decision] = []
    for node in nodes:
        if node.save is None:
            decisions.append(Decision(None))
            continue
        parents = [
            _handed_down(given, origin, decisions, header_of)
            for given, origin in zip(node.save.upstream or (), node.parents, strict=True)
        ]
        decisions.append(_decide(node, node.save, parents, spec, storage))
    return decisions


def _handed_down(
    given: Sequence[str] | None,
    origin: Mapping[str, Any],
    decisions: Sequence[Decision],
    header_of: Callable[[str], Header],
) -> tuple[Ancestry, Ancestry]:
    """Return what a parent hands down, and what its result is made from."""
    if given is not None:
        return Ancestry(*given), Ancestry(*given)
    if "node" in origin:
        fingerprint = decisions[origin["node"]].fingerprint
    else:
        fingerprint = header_of(origin["artifact"]).fingerprint
    assert fingerprint is not None
    handed_down = Ancestry(fingerprint["digest"], fingerprint["data_digest"])
    return handed_down, Ancestry(*fingerprint.get(MADE_FROM, handed_down))


def _decide(
    node: NodeSpec,
    save: SaveSpec,
    parents: Sequence[tuple[Ancestry, Ancestry]],
    spec: ComponentSpec,
    storage: Storage,
) -> Decision:
    pieces = read_pieces(save.fingerprint.get("pieces", "")).items()
    made_from = Fingerprint(
        save.fingerprint["code"],
        save.fingerprint["arguments"],
        [parent for _, parent in parents],
        Pieces(Piece(name, digest, None) for name, digest in pieces),
    )
    own = made_from._replace(parents=[parent for parent, _ in parents])
    if not save.is_stored:
        passed_on = Ancestry.passed_on(own.parents)
        return Decision({**passed_on._asdict(), MADE_FROM: made_from.ancestry})
    saved = None if spec.reuse == "never" else _read(storage, spec.workflow, node.name)
    if saved is not None:
        header, value = saved
        entry = describe_saved(header, Stamp(0, ""))
        fits = own.fits(entry) or made_from.fits(entry)
        if fits or (save.is_named and spec.reuse == "saved"):
            if not fits and entry.digest:
                _tell_changed(node.name, own, header)
            stored = header.fingerprint or {}
            return Decision(stored if "digest" in stored else own.to_header(), header, value)
    return Decision(own.to_header())


def _tell_changed(name: str, own: Fingerprint, header: Header) -> None:
    """Tell what a run in the driver warns of."""
    what = "; ".join(map(str, changes(own, header)))
    LOGGER.warning(
        "the saved result of node %r is reused by its name although what it was made from changed "
        "(compile(reuse='unchanged') executes it again): %s",
        name,
        what,
    )


def _read(storage: Storage, workflow_name: str, name: str) -> tuple[Header, Any] | None:
    """Read a saved result; None if there is none, or none that is whole."""
    try:
        header = storage.read_header(workflow_name, name)
        return header, storage.read_task(workflow_name, name)
    except (FileNotFoundError, DamagedResultError) as error:
        if isinstance(error, DamagedResultError):
            LOGGER.warning("%s; it is computed again", error)
        return None
