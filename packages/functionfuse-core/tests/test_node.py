"""Nodes, items and instances as values: names, items, and what they refuse."""

from __future__ import annotations

import copy
import enum
import pickle
import re

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.node import Item, Place


@workflow
def keep(value):
    return value


@workflow
class Counter:
    def add(self, n):
        return n


class Color(str, enum.Enum):
    RED = "red"


NODE_LIKE = {
    "node": lambda: keep(1),
    "named": lambda: keep(1).set_name("n"),
    "item": lambda: keep(1)["a"][0],
    "instance": lambda: Counter(),
    "call": lambda: Counter().add(1),
}

node_like = pytest.mark.parametrize("make", NODE_LIKE.values(), ids=NODE_LIKE)


def run(*nodes):
    return LocalWorkflow(*nodes, workflow_name="test").run()


def test_set_name_returns_the_node_itself():
    node, counter = keep(1), Counter()
    assert node.set_name("n") is node
    assert counter.set_name("c") is counter
    assert (node.get_name(), counter.get_name()) == ("n", "c")


def test_a_node_has_no_name_until_it_is_set():
    node = keep(1)
    assert node.get_name() is None
    LocalWorkflow(node, workflow_name="w").run()
    assert node.get_name() is None


def test_the_last_name_set_holds():
    node = keep(1).set_name("first").set_name("second")
    assert node.get_name() == "second"


@pytest.mark.parametrize("name", ["", "a/b", "..", "é", "\ud800", "n" * 1000, "\0"], ids=ascii)
def test_any_text_is_a_name(name):
    assert keep(1).set_name(name).get_name() == name


@pytest.mark.parametrize("name", [None, 3, b"bytes", ["n"]], ids=repr)
def test_what_is_no_text_is_no_name(name):
    node = keep(1).set_name("before")
    with pytest.raises(TypeError, match=f"a node's name is text, got {re.escape(repr(name))}"):
        node.set_name(name)
    with pytest.raises(TypeError, match="text"):
        Counter().set_name(name)
    assert node.get_name() == "before"


def test_a_name_is_plain_text_whatever_kind_of_text_was_given():
    assert type(keep(1).set_name(Color.RED).get_name()) is str
    assert keep(1).set_name(Color.RED).get_name() == "red"


def test_naming_takes_down_the_place():
    place = keep(1).set_name("n").place
    assert place.filename == __file__
    assert place.cell is None
    assert str(place) == f"{__file__}:{place.line}"
    assert Counter().set_name("c")._functionfuse_node.place.filename == __file__


def test_the_place_in_a_notebook_tells_the_cell():
    assert str(Place("cell.py", 3, 12)) == "cell.py:3 (cell execution 12)"


def test_items_chain():
    node = keep({"a": [10, 20]})
    item = node["a"][1]
    assert type(item) is Item
    assert repr(item) == f"{node!r}['a'][1]"
    assert run(item, node["a"], node["a"][-1], node["a"][:1]) == [20, [10, 20], 20, [10]]


def test_keys_may_be_anything_that_is_known():
    node = keep({None: 0, (1, 2): 3, "s": [4, 5, 6]})
    assert run(node[None], node[1, 2], node["s"][::2]) == [0, 3, [4, 6]]


@pytest.mark.parametrize(
    "key",
    [lambda n: n, lambda n: n["k"], lambda n: slice(n), lambda n: (1, n), lambda n: [n]],
    ids=["node", "item", "slice", "tuple", "list"],
)
def test_keys_that_hold_nodes_are_refused(key):
    with pytest.raises(TypeError, match="must be known when the graph is built"):
        keep([1, 2])[key(keep(0))]
    with pytest.raises(TypeError, match="must be known when the graph is built"):
        keep([1, 2])["item"][key(keep(0))]


@node_like
def test_iterating_is_refused_at_once(make):
    value = make()
    with pytest.raises(TypeError, match="index it, as in node"):
        list(value)
    with pytest.raises(TypeError, match="index it"):
        _first, *_rest = value
    with pytest.raises(TypeError):
        keep(*value)
    with pytest.raises(TypeError):
        1 in value  # noqa: B015


@node_like
def test_truth_is_refused(make):
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(make())
    with pytest.raises(TypeError, match="neither true nor false"):
        make() and 1


@node_like
@pytest.mark.parametrize("action", [pickle.dumps, copy.copy, copy.deepcopy])
def test_pickling_and_copying_are_refused(make, action):
    with pytest.raises(TypeError, match="can't be pickled or copied"):
        action(make())
    with pytest.raises(TypeError, match="can't be pickled or copied"):
        action([make()]) if action is not copy.copy else action(make())


@node_like
def test_arithmetic_length_order_and_assignment_are_refused(make):
    value = make()
    for action in (
        lambda: value + 1,
        lambda: len(value),
        lambda: value < value,
        lambda: float(value),
        lambda: value.__setitem__("k", 1),
        lambda: setattr(value, "attribute", 1),
    ):
        with pytest.raises((TypeError, AttributeError)):
            action()


@node_like
def test_nodes_are_compared_by_identity_and_can_be_keys(make):
    value, other = make(), make()
    assert value == value
    assert value != other
    assert len({value, other, value}) == 2


def test_repr_tells_name_and_function():
    assert repr(keep(1)) == "<node of keep>"
    assert repr(keep(1).set_name("n")) == "<node 'n' of keep>"
    assert repr(Counter()) == "<instance of <node of Counter>>"
    assert repr(Counter().add(1)) == "<node of Counter.add>"
    assert repr(keep(1).function) == "Function(keep)"


def test_a_node_knows_parents_and_children():
    """Two edges lead from the parent to the child that takes it twice."""
    parent = keep(1)
    child = keep([parent, {"k": parent["item"]}])
    assert child.parents == (parent,)
    assert parent.children == [child]
    assert child.children == []


def test_nodes_are_numbered_in_order_of_creation():
    nodes = [keep(1), Counter()._functionfuse_node, keep(2), Counter().add(1)]
    assert sorted(nodes, key=lambda node: node.number) == nodes
