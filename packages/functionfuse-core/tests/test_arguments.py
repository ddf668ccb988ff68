"""Nodes in arguments: where they are found, and where they are refused."""

from __future__ import annotations

import sys
from collections import OrderedDict, defaultdict, namedtuple
from typing import Generic, NamedTuple, TypeVar

import pytest

from functionfuse import workflow
from functionfuse.arguments import Pack, Slot, bind, call, holds_node
from functionfuse.backends.builtin.localback import LocalWorkflow

T = TypeVar("T")


class Point(NamedTuple):
    x: object
    y: object = 0


class SubPoint(Point):
    """A subclass of a named tuple."""


if sys.version_info >= (3, 11):

    class GenericPoint(NamedTuple, Generic[T]):
        x: T


Old = namedtuple("Old", ["x"], rename=True)


class SubList(list):
    """A list that is not exactly a list."""


@workflow
def keep(value=None, **values):
    return values or value


@workflow
def many(*args, **kwargs):
    return args, kwargs


def run(node):
    return LocalWorkflow(node, workflow_name="test").run()


def test_all_positional_nodes_are_passed_without_templates():
    a, b = keep(1), keep(2)
    node = many(a, b, a)
    assert (node.parents, node.args, node.kwargs) == ((a, b, a), None, None)
    assert run(node) == ((1, 2, 1), {})


def test_templates_hold_no_nodes():
    a, b = keep(1), keep({"k": 2})
    node = many([a, 5], b["k"], x=a)
    assert node.parents == (a, b)
    pack, slot = node.args
    assert (type(pack), pack.kind, type(pack.values[0]), pack.values[1]) == (Pack, list, Slot, 5)
    assert (slot.parent, slot.keys) == (1, ("k",))
    assert node.kwargs["x"].parent == 0
    assert run(node) == (([1, 5], 2), {"x": 1})


@pytest.mark.parametrize(
    "build",
    [
        lambda n: [n],
        lambda n: (n,),
        lambda n: {"k": n},
        lambda n: Point(n, 2),
        lambda n: Point(1, y=[n]),
        lambda n: Old(n),
        lambda n: [[[], [(n, {"a": {"b": [n, 3]}})]]],
        lambda n: [1, "a", None, n, 2.5, b"b"],
        lambda n: {(1, "a"): n, None: [n]},
        lambda n: (Point([n], Point(n)), {}),
        lambda n: [[], {}, (), n],
    ],
)
def test_nodes_are_found_in_containers_of_any_depth(build):
    result = run(keep(build(keep("result"))))
    expected = build("result")
    assert result == expected
    assert type(result) is type(expected)
    assert repr(result) == repr(expected)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="generic named tuples are of Python 3.11")
def test_generic_named_tuples_are_named_tuples():
    result = run(keep(GenericPoint(keep(1))))
    assert result == GenericPoint(1)
    assert type(result) is GenericPoint


def test_nodes_are_found_in_sets():
    a, b = keep(1), keep(2)
    assert run(keep({a, b, 3})) == {1, 2, 3}
    assert run(keep(frozenset({a, keep([2])[0]}))) == frozenset({1, 2})
    assert run(keep({keep(1), keep(1)})) == {1}
    assert run(keep({(a, 2), frozenset({b})})) == {(1, 2), frozenset({2})}


def test_a_set_of_results_that_cannot_be_hashed_names_the_node():
    with pytest.raises(TypeError, match="unhashable") as caught:
        run(keep({keep([])}).set_name("of lists"))
    assert "of lists" in caught.value.__notes__[0]


def test_dicts_keep_keys_and_their_order():
    result = run(keep({"b": keep(1), 2: 0, ("t",): keep(3)}))
    assert list(result.items()) == [("b", 1), (2, 0), (("t",), 3)]


def test_one_node_in_many_places_is_one_parent():
    a = keep([7])
    node = keep([a, a, {"k": a}, a[0]])
    assert node.parents == (a,)
    assert a.children == [node]
    first, second, third, fourth = run(node)
    assert first is second is third["k"]
    assert fourth == 7


def test_items_chain_inside_containers():
    a = keep({"rows": [[1, 2], [3, 4]]})
    assert run(keep([a["rows"][1][0], {"first": a["rows"][0]}])) == [3, {"first": [1, 2]}]


@pytest.mark.parametrize(
    "literal", [[1, [2]], {"k": (1, {2})}, (), Point([1], {}), {1, 2}, SubList([1]), range(3)]
)
def test_containers_without_nodes_are_passed_as_the_same_object(literal):
    assert run(keep(literal)) is literal
    assert run(many(keep(0), [keep(1), literal], k=literal))[0][1][1] is literal


def test_containers_with_nodes_are_not_changed():
    node = keep(1)
    inner = [node]
    outer = {"k": inner, "other": [2]}
    assert run(keep(outer)) == {"k": [1], "other": [2]}
    assert outer == {"k": [node], "other": [2]}
    assert inner == [node]


def test_what_is_done_to_a_container_with_nodes_later_does_not_matter():
    nodes = [keep(1)]
    node = keep(nodes)
    nodes.append(keep(2))
    assert run(node) == [1]


def test_a_container_that_holds_itself_and_no_node_is_a_literal():
    cycle = [1]
    cycle.append({"k": cycle})
    assert run(keep(cycle)) is cycle


def test_a_container_that_holds_itself_and_a_node_is_refused():
    cycle = [keep(1)]
    cycle.append({"k": (cycle,)})
    with pytest.raises(ValueError, match="contains itself and a node"):
        keep(cycle)


def test_a_container_that_stands_twice_is_no_cycle():
    shared = [keep(1)]
    assert run(keep([shared, shared, {"k": shared}])) == [[1], [1], {"k": [1]}]


@pytest.mark.parametrize(
    "build",
    [
        lambda n: {n: 1},
        lambda n: {n["k"]: 1},
        lambda n: {(1, n): 1},
        lambda n: {frozenset({n}): n},
        lambda n: [n, {n: 1}],
        lambda n: {"k": {"l": {Point(n): n}}},
    ],
    ids=["node", "item", "tuple", "frozenset", "beside a node", "deep"],
)
def test_nodes_in_keys_of_dicts_are_refused(build):
    with pytest.raises(TypeError, match="a node can't be a key of a dict"):
        keep(build(keep(1)))


@pytest.mark.parametrize(
    "build",
    [
        lambda n: SubPoint(n, 1),
        lambda n: SubList([n]),
        lambda n: OrderedDict(k=n),
        lambda n: defaultdict(list, k=n),
        lambda n: [n, SubList([n])],
    ],
    ids=["named tuple", "list", "OrderedDict", "defaultdict", "inside a list"],
)
def test_nodes_in_subclasses_of_containers_are_refused(build):
    """They would arrive as nodes in the function."""
    with pytest.raises(TypeError, match=r"nodes are looked for in lists, .* not in a"):
        keep(build(keep(1)))


def test_subclasses_of_containers_are_opaque():
    for literal in (SubPoint(1, 2), SubList([1]), OrderedDict(k=1), defaultdict(list)):
        assert run(keep(literal)) is literal


@pytest.mark.parametrize(
    "argument",
    [
        (keep(i) for i in range(3)),
        map(keep, [1]),
        zip([1], [2], strict=True),
        filter(None, [1]),
        enumerate([1]),
        {"k": keep(1)}.values(),
        {"k": 1}.keys(),
        {"k": keep(1)}.items(),
    ],
    ids=lambda argument: type(argument).__name__,
)
def test_what_can_be_read_only_once_is_refused(argument):
    """A second run would find it empty, and another process not at all."""
    with pytest.raises(TypeError, match="give a list of it"):
        keep(argument)
    with pytest.raises(TypeError, match="give a list of it"):
        keep(value=argument)


def test_keyword_arguments_may_carry_any_name():
    values = {name: keep(name) for name in ("self", "func", "args", "kwargs", "node", "values")}
    assert run(many(**values)) == ((), {name: name for name in values})


def test_wide_and_deep_containers_are_searched_without_recursion():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert not holds_node(deep)
    assert run(keep(deep)) is deep
    assert run(keep([keep(i) for i in range(1000)])) == list(range(1000))


def test_calls_are_filled_from_the_parents_results():
    a, b = keep(1), keep(2)
    parents, args, kwargs = bind((a, 5), {"k": [b]})
    assert parents == (a, b)
    assert call(lambda *args, **kwargs: (args, kwargs), args, kwargs, ["A", "B"]) == (
        ("A", 5),
        {"k": ["B"]},
    )
