"""Names of nodes in a workflow: given by the user, or made from the function's name.

An unnamed node is called `qualname_0000`, numbered by order of creation among the
workflow's unnamed nodes of that qualified name, so the same script gives the same names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from functionfuse.errors import DuplicateNameError
from functionfuse.node import Node

__all__ = ["assign_names", "check_given_names"]


def assign_names(nodes: Sequence[Node]) -> list[str]:
    """Name every node of a workflow.

    Parameters
    ----------
    nodes
        The nodes in order of creation.

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
    for node in nodes:
        name = node.name
        if name is None:
            qualname = node.function.qualname
            count = counts.get(qualname, 0)
            counts[qualname] = count + 1
            name = f"{qualname}_{count:04d}"
        names.append(name)
    if len(set(names)) < len(names):
        _refuse_duplicate(nodes, names)
    return names


def check_given_names(nodes: Sequence[Node]) -> None:
    """Raise an error if two nodes were given one name, without naming the others.

    Raises
    ------
    DuplicateNameError
        Saying the name and where each was given.
    """
    given = [node.name for node in nodes if node.name is not None]
    if len(set(given)) < len(given):
        named = [node for node in nodes if node.name is not None]
        _refuse_duplicate(named, given)


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
