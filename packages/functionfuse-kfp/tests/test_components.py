"""A plan as components: who shares a container, and what each is told."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import namedtuple
from functools import partial, wraps
from threading import Lock

import pytest

from functionfuse import workflow
from functionfuse.backends.addons.kfpback import KFPWorkflow
from functionfuse.backends.addons.kfpback import _components as components_module
from functionfuse.backends.addons.kfpback._components import make_components
from functionfuse.backends.addons.kfpback._values import Values
from functionfuse.backends.addons.kfpcontainer import NodeSpec, SaveSpec
from functionfuse.plan import make_full_plan
from functionfuse.run import Run
from functionfuse.testing.functions import Account, add, keep, table, total

Pair = namedtuple("Pair", "x y")


def made(*nodes, script=None):
    """Return the components of a workflow, and the values beside them."""
    w = KFPWorkflow(*nodes, workflow_name="w")
    run = Run(w.graph, "w", None, "raise", {})
    run.begin(make_full_plan(w.graph, w.graph.leaf_positions))
    values = Values(script)
    return make_components(run, values, {}, script), values


def titles(components):
    return [[node.name for node in component.nodes] for component in components]


def test_each_node_has_a_component_of_its_own():
    a = keep(1).set_name("a")
    components, _ = made(add(a, a).set_name("b"))
    assert titles(components) == [["a"], ["b"]]
    assert components[1].inputs == {"a": ("a", "result")}


def test_an_instance_shares_a_component_with_all_between_its_calls():
    """before ─► Account ─► deposit 1 ─► doubled ─► deposit 2 ─► after."""
    account = Account(keep(1).set_name("before")).set_name("account")
    first = account.deposit(5).set_name("first")
    doubled = add(first, first).set_name("doubled")
    second = account.deposit(doubled).set_name("second")
    components, _ = made(keep(second).set_name("after"), doubled)
    assert titles(components) == [
        ["before"],
        ["account", "first", "doubled", "second"],
        ["after"],
    ]
    assert sorted(components[1].outputs.values()) == ["doubled", "second"]
    assert components[2].inputs == {"account": ("account", "second")}


def test_instances_that_pass_results_to_each_other_share_one():
    """one ─► other ─► one."""
    one, other = Account(1).set_name("one"), Account(2).set_name("other")
    there = other.deposit(one.deposit(1).set_name("o1")).set_name("t1")
    components, _ = made(one.deposit(there).set_name("o2"))
    assert len(components) == 1
    assert len(components[0].nodes) == 5


def test_instances_that_do_not_stay_apart():
    first = Account(1).deposit(1)
    components, _ = made(Account(2).deposit(first))
    assert [len(component.nodes) for component in components] == [2, 2]


def test_names_are_cleaned_without_collisions_and_titles_are_true():
    names = ["Model A", "model-a", "model a!", "日本", "x" * 80, "x" * 79 + "y"]
    components, _ = made(*[keep(0).set_name(name) for name in names])
    cleaned = [component.name for component in components]
    assert cleaned[:4] == ["model-a", "model-a-2", "model-a-3", "node"]
    assert len(set(cleaned)) == len(names)
    assert max(map(len, cleaned)) <= 50
    assert [component.title for component in components] == names


@pytest.mark.parametrize(
    "value",
    [0, 1.5, -0.0, True, None, "text", "{{x}} $(Y)", [1, [2.0, None]], {"a": [1]}, 10**30, ""],
    ids=repr,
)
def test_what_json_gives_back_is_a_parameter(value):
    components, values = made(keep(value))
    (text,) = components[0].parameters.values()
    assert json.loads(text) == value
    assert not values.pickles
    assert components[0].nodes[0].args == [{"parameter": "value"}]
    assert "{{" not in text
    assert "$(" not in text


@pytest.mark.parametrize(
    "value",
    [(1, 2), {1: 2}, {1}, b"b", math.nan, math.inf, 1j, Pair(1, 2), [(1,)], "x" * 5000],
    ids=lambda value: repr(value)[:20],
)
def test_what_json_changes_is_a_pickle_in_the_image(value):
    components, values = made(keep(value))
    assert not components[0].parameters
    assert components[0].nodes[0].args == [{"value": next(iter(values.pickles))}]


def test_dictionaries_of_another_order_are_other_pickles():
    _, values = made(keep({"a": (1,), "b": (2,)}), keep({"b": (2,), "a": (1,)}))
    assert len(values.pickles) == 2


def test_equal_literals_of_several_nodes_are_one_pickle():
    _, values = made(*[keep(("a", 1)) for _ in range(3)])
    assert len(values.pickles) == 1


def test_parameters_and_inputs_have_names_of_their_own():
    value = keep(1).set_name("one")
    components, _ = made(table(one=5, two=value).set_name("t"), value)
    (component,) = [c for c in components if c.title == "t"]
    assert set(component.parameters).isdisjoint(component.inputs)
    assert len(component.parameters) == len(component.inputs) == 1


def test_many_parameters_do_not_outgrow_a_command():
    components, values = made(table(**{f"p{i}": "x" * 1500 for i in range(60)}))
    assert sum(map(len, components[0].parameters.values())) < 40_000
    assert values.pickles


def test_more_results_than_kfp_can_pass_are_refused():
    nodes = [keep(i) for i in range(components_module.MAX_INPUTS + 1)]
    with pytest.raises(ValueError, match=r"takes the results of 201 nodes.*gather them"):
        made(total(nodes).set_name("sum"))


def test_what_can_not_be_pickled_is_named():
    with pytest.raises(TypeError, match=r"node 'n' can't go .* argument 0\['k'\] of type lock"):
        made(keep({"k": Lock()}).set_name("n"))


def test_a_workflow_with_its_credentials_does_not_get_into_a_pickle():
    """As a global of a notebook would that a function uses."""
    w = KFPWorkflow(keep(1), workflow_name="w")
    node = workflow(lambda: w.registry_credentials)().set_name("n")
    with pytest.raises(TypeError, match=r"node 'n' can't go into an image.*its function"):
        made(node)


def test_a_function_is_named_where_it_can_be_imported_and_pickled_where_not():
    components, values = made(workflow(lambda x: x)(1), keep(2))
    references = [component.nodes[0].function for component in components]
    assert references == [
        f"#{next(iter(values.pickles))}",
        "functionfuse.testing.functions:keep.func",
    ]


def test_a_spec_reads_back_from_its_text():
    save = SaveSpec(
        {"digest": "{{$}}", "arguments": {"a": "$(X)"}}, [None, ["d", "e"]], True, False
    )
    spec = NodeSpec(
        "n {{x}}", "m:f", [{"artifact": "a"}, {}], None, None, "d", save, "result", True
    )
    text = spec.to_json()
    assert NodeSpec.from_json(text) == spec
    assert "{{" not in text
    assert "$(" not in text


def make_class(captured):
    class Local:
        values = (*captured,)

        def method(self):
            return captured

    return Local


def make_function(captured):
    return lambda: captured


@pytest.mark.parametrize(
    "make",
    [
        make_function,
        make_class,
        lambda captured: make_class(captured)().method,
        lambda captured: lambda x=captured: x,
        lambda captured: [make_function(captured)],
        lambda captured: {"f": partial(make_function(captured), 1)},
        lambda captured: lambda x, t={"f": make_function(captured)}: t,  # noqa: B008
        lambda captured: lambda: (lambda: captured)(),
        lambda captured: wraps(keep)(make_function(captured)),
        lambda captured: workflow(make_function(captured)),
    ],
)
def test_what_a_pickled_function_captured_is_part_of_its_name(make):
    names = [Values(None).add(make(captured)) for captured in ([1], [2], [1])]
    assert names[0] == names[2]
    assert names[0] != names[1]


def test_which_function_stands_where_is_part_of_the_name():
    f, g = make_function(1), make_function(2)
    values = [[f, g], [g, f], [f, g, f], [f, g, g], {"a": f, "b": g}, {"a": g, "b": f}]
    assert len({Values(None).add(value) for value in values}) == len(values)


PROGRAM = """
import sys
from dataclasses import dataclass
from functionfuse import workflow
from functionfuse.backends.addons.kfpback._values import Values

CAPTURED = [int(sys.argv[1])]
def helper(x):
    return x in {"a", "b", "c"} or CAPTURED
def make(limit):
    return lambda x: helper(x) or x in {"some", "strings", "here"} or limit
@dataclass
class Point:
    x: int
    def is_known(self):
        return self.x in {"a", "b", "c"}
values = Values(None)
several = [make(CHANGED), frozenset("abcdef"), {"f": [make(1), Point(2)], "g": {Point, int}}]
print(*map(values.add, several))
"""


def digests(captured, seed, changed):
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("CHANGED", changed), captured],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.split()


def test_pickles_are_named_by_what_they_are_in_every_process():
    same, other_process = digests("1", "1", "5"), digests("1", "2", "5")
    assert same == other_process
    assert digests("1", "1", "6")[0] != same[0], "another closure"
    assert digests("2", "1", "5")[0] != same[0], "another captured list"


def test_a_function_whose_code_changed_has_another_name():
    functions = [lambda x: x + 1, lambda x: x + 2, lambda x: {"a", "b"}, lambda x: {"a", "c"}]
    assert len({Values(None).add(function) for function in functions}) == len(functions)
