"""Names in a workflow: numbered, unique, and told apart in messages."""

from __future__ import annotations

import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.errors import DuplicateNameError


@workflow
def keep(*values):
    return values


@workflow
def other(*values):
    return values


@workflow
class Counter:
    def add(self, n):
        return n


def names(*nodes):
    """The name of each node, in order of creation."""
    w = LocalWorkflow(*nodes, workflow_name="test")
    named = sorted(w.graph_traversal(), key=lambda pair: pair[1].number)
    return [name for name, _ in named]


def test_unnamed_nodes_are_numbered_by_function_in_order_of_creation():
    a, b, c, d = keep(), other(), keep(), other()
    assert names(d, c, b, a) == ["keep_0000", "other_0000", "keep_0001", "other_0001"]


def test_named_nodes_are_not_counted():
    a, b, c = keep(), keep().set_name("b"), keep()
    assert names(a, b, c) == ["keep_0000", "b", "keep_0001"]


def test_nodes_outside_of_the_workflow_are_not_counted():
    keep()
    assert names(keep()) == ["keep_0000"]


def test_the_same_nodes_get_other_names_in_another_workflow():
    a, b = keep(), keep()
    assert names(a, b) == ["keep_0000", "keep_0001"]
    assert names(b) == ["keep_0000"]
    assert b.get_name() is None


def test_items_belong_to_their_nodes():
    node = keep(1)
    assert names(node[0], node, other(node[0])) == ["keep_0000", "other_0000"]


def test_lambdas_count_as_one_name():
    first, second = workflow(lambda: 1), workflow(lambda: 2)
    a, b = first(), second()
    prefix = f"{inspect.currentframe().f_code.co_name}.<locals>.<lambda>"
    assert names(b, a) == [f"{prefix}_0000", f"{prefix}_0001"]


def test_functions_of_one_name_from_two_places_count_as_one_name():
    def make(value):
        def inner():
            return value

        return workflow(inner)

    result = names(make(1)(), make(2)())
    assert [name.rpartition(".")[2] for name in result] == ["inner_0000", "inner_0001"]


def test_stateful_nodes_are_called_by_class_and_method():
    counter = Counter()
    calls = [counter.add(1), counter.add(2)]
    assert names(*calls) == ["Counter_0000", "Counter.add_0000", "Counter.add_0001"]


def test_numbers_have_four_digits_or_more():
    root = keep()
    result = names(*[other(root) for _ in range(10_001)])
    assert (result[1], result[-1]) == ("other_0000", "other_10000")


def test_two_nodes_of_one_name_are_refused_with_both_places():
    line = inspect.currentframe().f_lineno
    a = keep(1).set_name("twin")
    b = keep(2).set_name("twin")
    message = f"'twin' is given to 2 nodes .* at {__file__}:{line + 1} and at {__file__}:{line + 2}"
    with pytest.raises(DuplicateNameError, match=message):
        LocalWorkflow(a, b, workflow_name="test")


def test_a_twin_among_the_ancestors_is_refused():
    a = keep(1).set_name("twin")
    b = keep(a).set_name("twin")
    with pytest.raises(ValueError, match="'twin'"):
        LocalWorkflow(b, workflow_name="test")


def test_twins_in_different_workflows_do_not_meet():
    a, b = keep(1).set_name("twin"), keep(2).set_name("twin")
    assert names(a) == names(b) == ["twin"]


def test_an_instance_and_a_node_of_one_name_are_refused():
    counter = Counter().set_name("twin")
    with pytest.raises(DuplicateNameError, match="'twin'"):
        LocalWorkflow(counter.add(1).set_name("twin"), workflow_name="test")


def test_one_node_given_twice_is_no_twin():
    node = keep(1).set_name("node")
    assert names(node, node[0], node) == ["node"]


def test_a_name_that_the_workflow_would_give_is_refused():
    """The message says which of the two the user gave, and where."""
    given_name = keep(1).set_name("keep_0000")
    unnamed = keep(2)
    message = (
        rf"'keep_0000' is given to 2 nodes of the workflow, at {re.escape(__file__)}:\d+ and by "
        "the workflow to an unnamed call of keep"
    )
    with pytest.raises(DuplicateNameError, match=message):
        LocalWorkflow(given_name, unnamed, workflow_name="test")


def test_a_name_as_the_workflow_gives_them_is_fine_where_it_gives_no_such():
    assert names(keep(1).set_name("keep_0007"), keep(2)) == ["keep_0007", "keep_0000"]


@given(st.lists(st.none() | st.text(max_size=8), min_size=1, max_size=12))
def test_all_names_differ_or_the_workflow_is_refused(chosen):
    nodes = [keep(i) if name is None else keep(i).set_name(name) for i, name in enumerate(chosen)]
    texts = [name for name in chosen if name is not None]
    if len(set(texts)) < len(texts):
        with pytest.raises(DuplicateNameError):
            names(*nodes)
    else:
        result = names(*nodes)
        assert len(set(result)) == len(nodes)
        assert [b if a is None else a for a, b in zip(chosen, result, strict=True)] == result
