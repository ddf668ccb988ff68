"""What the steps of a plan wait for."""

from __future__ import annotations

import pytest

from functionfuse import workflow
from functionfuse.graph import Graph
from functionfuse.plan import make_full_plan, make_plan
from functionfuse.schedule import Frontier, Needs
from functionfuse.storage.index import Saved
from functionfuse.storage.keeper import Stamp


@workflow
def join(*inputs):
    return len(inputs)


@pytest.fixture
def diamond():
    """Return the graph.

    root ─► left ──► end
      └───► right ────┘
    """
    root = join().set_name("root")
    left, right = join(root).set_name("left"), join(root).set_name("right")
    return Graph([join(left, right).set_name("end")])


def follow(frontier, plan):
    """Yield names of steps as they are ready, and of results as they are no longer needed."""
    while frontier:
        step = frontier.pop()
        name = plan.graph.names[plan.order[step]]
        yield name, [plan.graph.names[position] for position in frontier.complete(step)]


def test_steps_are_ready_when_their_parents_are_done(diamond):
    plan = make_full_plan(diamond, diamond.leaf_positions)
    assert list(follow(Frontier(plan), plan)) == [
        ("root", []),
        ("left", []),
        ("right", ["root"]),
        ("end", ["left", "right"]),
    ]


def test_what_is_returned_stays_needed(diamond):
    end = diamond.by_name["end"]
    for returned in (frozenset(), diamond.leaf_positions):
        needs = Needs(make_full_plan(diamond, returned))
        assert (end in needs) is bool(returned)


def test_loads_are_steps_only_if_wanted(diamond):
    """The root is saved; its children and the end execute."""
    saved = {"root": Saved("root", Stamp(1, ""), "", "", "")}
    plan = make_plan(diamond, saved, "saved", diamond.leaf_positions)
    names = [name for name, _ in follow(Frontier(plan), plan)]
    assert names == ["left", "right", "end"]
    names = [name for name, _ in follow(Frontier(plan, with_loads=True), plan)]
    assert names == ["root", "left", "right", "end"]
