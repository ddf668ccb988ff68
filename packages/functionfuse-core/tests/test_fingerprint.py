# ruff: noqa: E501  The cases stand in tables.
"""Fingerprints: what a result is made from, and what changed since it was saved."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from functionfuse import workflow
from functionfuse.graph import Graph
from functionfuse.reuse.changes import changes as what_changed
from functionfuse.reuse.fingerprint import Ancestry, Fingerprints
from functionfuse.storage.format import PYTHON, Header
from functionfuse.storage.index import Saved
from functionfuse.storage.keeper import Stamp

OTHER_MINOR = "3.99.1"
OTHER_PATCH = ".".join([*PYTHON.split(".")[:2], "99"])


@workflow
def load(n, C=1.0, *rest, **options):
    return n


@workflow
def other_load(n, C=1.0, *rest, **options):
    return -n


@workflow
def train(data, C=1.0):
    return data


class Plain:
    def __init__(self, state):
        self.state = state


def fingerprints(*given):
    """Take the fingerprints of a graph in which nothing is saved."""
    graph = Graph(given)
    takes = Fingerprints(graph)
    found = []
    for position in range(len(graph)):
        parents = [found[parent].ancestry for parent in graph.parents[position]]
        found.append(takes.take(position, parents))
    return found


def fingerprint(*given):
    return fingerprints(*given)[-1]


def saved(fingerprint, python=PYTHON):
    header = Header("task", fingerprint.to_header(), python=python)
    own = header.fingerprint
    return header, Saved("task", Stamp(1, "v"), python, own["digest"], own["data_digest"])


def changes(now, before, python=PYTHON):
    header, entry = saved(before, python)
    assert Ancestry.saved(entry) == before.ancestry
    return [] if now.fits(entry) else subjects(now, header)


def subjects(now, header):
    return [change.subject for change in what_changed(now, header)]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (lambda: load(1), lambda: load(1), []),
        (lambda: load(1), lambda: load(n=1), []),
        (lambda: load(1), lambda: other_load(1), ["code"]),
        (lambda: load(1), lambda: load(2), ["argument n"]),
        (lambda: load(1), lambda: load(1.0), ["argument n"]),
        (lambda: load(1, C=1.0), lambda: load(1, C=2.0), ["argument C"]),
        (lambda: load(1, 1.0), lambda: load(1, C=1.0), []),
        (lambda: load(1, C=1, depth=2), lambda: load(1, depth=2, C=1), []),
        (lambda: load(1), lambda: load(1, C=2.0), ["argument C"]),
        (lambda: load(1, C=2.0), lambda: load(1), ["argument C"]),
        (lambda: load(1, 2, 3), lambda: load(1, 2, 4), ["argument 2"]),
        (lambda: load(1, depth=1), lambda: load(1, depth=2), ["argument depth"]),
        (lambda: load(1), lambda: other_load(2, 3), ["code", "argument n", "argument C"]),
        (lambda: load([1, {2}]), lambda: load([1, {3}]), ["argument n"]),
        (lambda: load("x" * 1000), lambda: load("x" * 999 + "y"), ["argument n"]),
        (lambda: load(np.arange(9)), lambda: load(np.arange(9) * 1.0), ["argument n"]),
        (lambda: load(lambda x: x), lambda: load(lambda x: -x), ["code"]),
        (lambda: train(load(1)), lambda: train(load(1)), []),
        (lambda: train(load(1)), lambda: train(load(2)), ["upstream"]),
        (lambda: train(load(1)), lambda: train(other_load(1)), ["upstream"]),
        (lambda: train(train(load(1))), lambda: train(train(load(2))), ["upstream"]),
        (lambda: train(load(1)["X"]), lambda: train(load(1)["y"]), ["argument data"]),
        (lambda: train(load(1)["X"][0]), lambda: train(load(1)["X"][1]), ["argument data"]),
        (lambda: train(load(1)[1:]), lambda: train(load(1)[2:]), ["argument data"]),
        (lambda: train(load(1)), lambda: train(load(1)[0]), ["argument data"]),
        (lambda: train([load(1), 1]), lambda: train([load(1), 2]), ["argument data"]),
        (lambda: train([load(1)]), lambda: train((load(1),)), ["argument data"]),
        (lambda: train({"a": load(1)}), lambda: train({"b": load(1)}), ["argument data"]),
        (lambda: train({load(1), "a", "b"}), lambda: train({load(1), "b", "a"}), []),
        (lambda: train(load(1), C=2), lambda: train(load(2), C=3), ["argument C", "upstream"]),
    ],
)  # fmt: skip
def test_it_is_told_what_changed(before, now, expected):
    assert changes(fingerprint(now()), fingerprint(before())) == expected


def test_another_version_of_python_leaves_code_unchanged():
    before, now = fingerprint(train(load(1))), fingerprint(train(other_load(1)))
    assert changes(now, before, OTHER_MINOR) == []
    assert changes(now, before, OTHER_PATCH) == ["upstream"]
    assert changes(fingerprint(other_load(1)), fingerprint(load(1)), OTHER_MINOR) == []


def test_arguments_count_under_another_version_of_python():
    before = fingerprint(train(load(1), C=1))
    assert changes(fingerprint(train(load(1), C=2)), before, OTHER_MINOR) == ["argument C"]
    assert changes(fingerprint(train(load(2), C=1)), before, OTHER_MINOR) == ["upstream"]
    assert changes(fingerprint(train(load(1), C=1)), before, OTHER_MINOR) == []


def test_an_argument_whose_class_changed_is_code_and_so_unchanged_under_another_python():
    def node(result):
        class Estimator:
            def fit(self):
                return result

        return load(Estimator, n_jobs=lambda: result)

    assert changes(fingerprint(node(2)), fingerprint(node(1))) == ["code"]
    assert changes(fingerprint(node(2)), fingerprint(node(1)), OTHER_MINOR) == []


def test_what_was_saved_by_hand_never_fits():
    now = fingerprint(load(1))
    entry = Saved("task", Stamp(1, "v"), PYTHON, "", "")
    assert not now.fits(entry)
    assert Ancestry.saved(entry) is None
    assert subjects(now, Header("task")) == ["code", "argument n", "upstream"]


def test_an_argument_that_is_not_stable_counts_for_an_unnamed_node_only():
    unnamed = [fingerprint(load(Plain(state))) for state in (1, 2)]
    named = [fingerprint(load(Plain(state)).set_name("x")) for state in (1, 2)]
    assert changes(*unnamed) == ["argument n"]
    assert changes(*named) == []


def test_an_argument_that_cannot_be_digested_counts_as_unchanged():
    assert changes(fingerprint(load(threading.Lock())), fingerprint(load(threading.Lock()))) == []
    assert changes(fingerprint(load(threading.Lock())), fingerprint(load(1))) == ["argument n"]


def test_a_header_stays_small_however_many_the_arguments():
    nodes = [load(i) for i in range(1000)]
    for node in (train(nodes), load(*nodes), train({i: node for i, node in enumerate(nodes)})):
        header = Header("task", fingerprint(node).to_header())
        assert len(repr(header)) < 1000


def test_parents_that_change_places_are_told():
    def node(swap):
        a, b = load(1), load(2)
        return train(b, a) if swap else train(a, b)

    assert changes(fingerprint(node(True)), fingerprint(node(False))) == ["upstream"]


def test_a_name_makes_no_difference():
    assert changes(fingerprint(load(1).set_name("a")), fingerprint(load(1))) == []


def test_a_loaded_parent_contributes_what_is_stored_with_it():
    graph = Graph([train(load(2))])
    old_parent = fingerprint(load(1)).ancestry
    taken = Fingerprints(graph).take(1, [old_parent])
    assert changes(fingerprint(train(load(1))), taken) == []
    assert changes(fingerprint(train(load(2))), taken) == ["upstream"]


def test_a_node_that_never_counts_passes_its_parents_on():
    parents = [fingerprint(load(i)).ancestry for i in (1, 2)]
    passed_on = Ancestry.passed_on(parents)
    assert passed_on == Ancestry.passed_on(parents)
    assert passed_on != Ancestry.passed_on(parents[::-1])
    assert Ancestry.passed_on([]) == Ancestry.passed_on([])


@workflow
class Model:
    def __init__(self, size):
        self.size = size

    def grow(self, by):
        self.size += by
        return self.size

    def shrink(self, by):
        self.size -= by
        return self.size


def test_calls_on_an_instance_depend_on_its_making_and_on_earlier_calls():
    def last(size, first, second):
        model = Model(size)
        model.grow(first)
        return fingerprint(model.grow(second))

    assert changes(last(1, 2, 3), last(1, 2, 3)) == []
    assert changes(last(2, 2, 3), last(1, 2, 3)) == ["upstream"]
    assert changes(last(1, 3, 3), last(1, 2, 3)) == ["upstream"]
    assert changes(last(1, 2, 4), last(1, 2, 3)) != []
    assert changes(fingerprint(Model(1).shrink(3)), fingerprint(Model(1).grow(3))) == ["code"]


def test_a_literal_is_digested_once_for_all_nodes():
    taken_apart = []

    class Counting:
        def __reduce__(self):
            taken_apart.append(self)
            return Counting, ()

    literal = Counting()
    data = load(1)
    fingerprints(*(train(data, C=literal) for _ in range(5)))
    assert len(taken_apart) == 1


SCRIPT = """
    import enum, functools
    from dataclasses import dataclass
    from pathlib import Path
    import numpy as np
    from functionfuse import workflow
    from functionfuse.graph import Graph
    import sys
    sys.path.insert(0, sys.argv[1])
    from test_fingerprint import fingerprints

    class Color(enum.Enum):
        RED = 1

    @dataclass
    class Settings:
        rate: float
        tags: set

    class Base:
        table = {"a": 1}
        def __init__(self, **options): self.options = options
        def __repr__(self): return f"{id(self)}"

    LIMIT = frozenset(["a", "b", "c"])
    cache = {}

    def helper(x):
        return x in {"p", "q", "r"} or helper(x[1:])

    @functools.lru_cache
    def cached(x):
        return helper(x) or x in LIMIT

    @workflow
    def f(*args, **kwargs):
        cache[args] = [cached(a) for a in args if a not in {"s", "t", "u"}]
        return {k: v for k, v in kwargs.items()}, Settings(1.0, set()), Base()

    texts = {f"text {i}" for i in range(50)}
    literals = [
        1, "a", texts, frozenset(texts), {"k": texts}, [texts, {1.5, "x", None}], Color.RED, {Color.RED, "x"}, Settings(0.5, texts),
        np.arange(10), np.array([1, texts], dtype=object), Path("a"), lambda x: x in {"a", "b"}, helper, Settings, range(3), slice(1),
    ]
    nodes = [f(literal) for literal in literals]
    nodes.append(f(*nodes, texts=texts)[0])
    nodes.append(f({nodes[0], nodes[1], "a", "b"}, nodes[2]["k"][1:]))
    nodes.append(f(Base(a=1, b=texts)).set_name("plain"))
    nodes.append(f(functools.partial(helper, texts)))
    print([found.to_header() for found in fingerprints(*nodes)])
"""


def test_a_script_gives_the_same_fingerprints_in_every_process(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    outputs = set()
    for seed in ("0", "1", "2"):
        path = os.pathsep.join(filter(None, sys.path))
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        command = [sys.executable, str(script), str(Path(__file__).parent)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert outputs.pop().count("'digest'") == 21
