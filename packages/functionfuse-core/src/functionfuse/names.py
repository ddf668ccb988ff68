"""Names of nodes in a workflow: given by the user, or made from the function's name.

An unnamed node is called `qualname_0000`, numbered by order of creation among the
workflow's unnamed nodes of that qualified name, so the same script gives the same names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from functionfuse.errors import DuplicateNameError
from functionfuse.node import Node

__all__ = ["complete_names", "given_names"]


def given_names(nodes: Sequence[Node]) -> list[str | None]:
    """Return the names that nodes have now; None for those without.

    Raises
    ------
    DuplicateNameError
        If two nodes were given one name: says where each was given.
    """
    names = [node.name for node in nodes]
    given = [name for name in names if name is not None]
    if len(set(given)) < len(given):
        named = [node for node, name in zip(nodes, names, strict=True) if name is not None]
        _refuse_duplicate(named, given)
    return names


def complete_names(nodes: Sequence[Node], given: Sequence[str | None]) -> list[str]:
    """Name every node of a workflow.

    Parameters
    ----------
    nodes
        The nodes in order of creation.
    given
        What `given_names` returned for them.

    Returns
    -------
    list of str
        A name for each node, all different.

    Raises
    ------
    DuplicateNameError
        If a name that was given is also one that the workflow makes.
    """
    names = []
    counts: dict[str, int] = {}
    for node, given_name in zip(nodes, given, strict=True):
        name = given_name
        if name is None:
            qualname = node.function.qualname
            count = counts.get(qualname, 0)
            counts[qualname] = count + 1
            name = f"{qualname}_{count:04d}"
        names.append(name)
    if len(set(names)) < len(names):
        _refuse_duplicate(nodes, names)
    return names


def _refuse_duplicate(nodes: Sequence[Node], names: Sequence[str]) -> None:
    duplicate = Counter(names).most_common(1)[0][0]
    twins = [node for node, name in zip(nodes, names, strict=True) if name == duplicate]
    places = " and ".join(
        f"by the workflow to an unnamed call of {twin.function.qualname}"
        if twin.name is None
        else f"at {twin.place}"
        for twin in twins[:2]
    )
    msg = (
        f"the name {duplicate!r} is given to {len(twins)} nodes of the workflow, {places}; "
        "names are the nodes' identity in a workflow: give each its own with set_name"
    )
    raise DuplicateNameError(msg)
