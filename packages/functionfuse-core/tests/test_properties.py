"""Random graphs mean what plain calls of the same functions mean.

A drawn program is a list of steps. It is evaluated twice: by plain Python, step after
step, and as a graph, with and without a storage, again, and with results removed.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.storage.filestorage import FileStorage

INSTANCES = {"Register_0000", "Register_0001"}
"""Names of constructions, which are never saved."""

executed: Counter = Counter()


class Pair(NamedTuple):
    left: Any
    right: Any


@workflow
def combine(number, *args, **kwargs):
    """Return something of which items can be taken, and count the execution."""
    executed[number] += 1
    return {"all": [number, args, tuple(sorted(kwargs.items()))], 0: number}


@workflow
async def combine_async(number, *args, **kwargs):
    return combine.func(number, *args, **kwargs)


@workflow
class Register:
    """Remember the numbers of its calls."""

    def __init__(self, first):
        self.numbers = [repr(first)]

    def call(self, number, *args, **kwargs):
        self.numbers.append(number)
        return {"all": [tuple(self.numbers), args, tuple(sorted(kwargs.items()))], 0: number}


@dataclass(frozen=True)
class Step:
    """A call: of a function, or of a method of one of two instances."""

    kind: str
    args: list[Any]
    kwargs: dict[str, Any]
    name: str | None


@dataclass(frozen=True)
class Reference:
    """An earlier step's result, or an item of it, in an argument."""

    step: int
    keys: tuple[Any, ...] = field(default=())

    def take(self, values):
        value = values[self.step]
        for key in self.keys:
            value = value[key]
        return value


def arguments(step):
    """Literals, earlier results and their items, in containers of any nesting."""
    atoms = st.integers(-2, 2) | st.sampled_from(["text", None, 0.5, b"bytes"])
    leaves = atoms
    if step:
        keys = st.sampled_from([(), (0,), ("all",), ("all", 0), ("all", 1)])
        leaves = atoms | st.builds(Reference, st.integers(0, step - 1), keys)
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(st.sampled_from(["a", "b", 1]), inner, max_size=2)
            | st.builds(Pair, inner, inner)
        ),
        max_leaves=6,
    )


@st.composite
def programs(draw):
    size = draw(st.integers(1, 8))
    kinds = ["function", "async", "first", "first", "second"]
    names = draw(st.lists(st.none() | st.text(max_size=5), min_size=size, max_size=size))
    return [
        Step(
            draw(st.sampled_from(kinds)),
            draw(st.lists(arguments(step), max_size=3)),
            draw(st.dictionaries(st.sampled_from(["x", "y"]), arguments(step), max_size=2)),
            None if name is None else f"{name} {step}",
        )
        for step, name in enumerate(names)
    ]


def fill(value, values):
    """Put earlier values (results, or nodes) where they are referred to."""
    if isinstance(value, Reference):
        return value.take(values)
    if type(value) is dict:
        return {key: fill(item, values) for key, item in value.items()}
    if type(value) is Pair:
        return Pair(*(fill(item, values) for item in value))
    if type(value) in (list, tuple):
        return type(value)(fill(item, values) for item in value)
    return value


def follow(program, functions, instance):
    """Call step after step; instances are made when they are first used."""
    values, instances = [], {}
    for number, step in enumerate(program):
        args = [fill(value, values) for value in step.args]
        kwargs = {key: fill(value, values) for key, value in step.kwargs.items()}
        if step.kind in functions:
            call = functions[step.kind]
        else:
            if step.kind not in instances:
                instances[step.kind] = instance(values[0] if values else "none")
            call = instances[step.kind].call
        value = call(number, *args, **kwargs)
        values.append(value if not hasattr(value, "set_name") else named(value, step.name))
    return values


def named(node, name):
    return node if name is None else node.set_name(name)


def evaluate(program):
    combined = combine.func
    return follow(program, {"function": combined, "async": combined}, Register.cls)


def build(program):
    return follow(program, {"function": combine, "async": combine_async}, Register)


def draw_given(data, nodes):
    """Nodes and items to be returned, and how to take the same from plain values."""
    steps = st.integers(0, len(nodes) - 1)
    keys = st.sampled_from([(), (), (0,), ("all",), ("all", 0)])
    given_nodes = data.draw(st.lists(st.builds(Reference, steps, keys), min_size=1, max_size=4))
    return [reference.take(nodes) for reference in given_nodes], given_nodes


def expected(values, references):
    results = [reference.take(values) for reference in references]
    return results if len(results) > 1 else results[0]


@settings(max_examples=100, deadline=None)
@given(programs(), st.data())
def test_a_graph_means_what_plain_calls_mean(program, data):
    nodes, references = draw_given(data, build(program))
    w = LocalWorkflow(*nodes, workflow_name="w")
    result = expected(evaluate(program), references)
    for _ in range(2):
        executed.clear()
        assert w.run() == result
        assert set(executed.values()) <= {1}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs(), st.data())
def test_a_storage_changes_nothing_but_what_executes(program, data):
    nodes, references = draw_given(data, build(program))
    result = expected(evaluate(program), references)
    with tempfile.TemporaryDirectory() as path:
        storage = FileStorage(path)

        def run():
            executed.clear()
            w = LocalWorkflow(*nodes, workflow_name="w")
            w.set_storage(storage)
            assert w.run() == result
            return {name for name, node in w.last_run.items() if node.state == "executed"}

        saved = run() - INSTANCES
        assert set(storage.list_tasks("w", "*")) == saved
        assert run() == set()
        some = data.draw(st.sets(st.sampled_from(sorted(saved)))) if saved else set()
        for removed in (some, *({name} for name in saved)):
            for name in removed:
                storage.remove_task("w", name)
            assert run() - INSTANCES == removed
            assert set(storage.list_tasks("w", "*")) == saved


@settings(max_examples=30, deadline=None)
@given(programs(), st.data())
def test_the_same_script_gives_the_same_names_and_reuses_all(program, data):
    first, references = draw_given(data, build(program))
    again = build(program)
    second = [reference.take(again) for reference in references]
    with tempfile.TemporaryDirectory() as path:
        runs = []
        for nodes in (first, second):
            w = LocalWorkflow(*nodes, workflow_name="w")
            w.set_storage(FileStorage(path))
            w.run()
            runs.append(w)
        assert [set(w.last_run) for w in runs[:1]] == [set(w.last_run) for w in runs[1:]]
        assert runs[1].last_run.counts()["executed"] == 0
