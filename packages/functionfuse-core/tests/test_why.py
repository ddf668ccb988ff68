# ruff: noqa: E501  The cases stand in tables.
"""Why a node runs: which piece of code changed and where it stands, and what is shown of it."""

from __future__ import annotations

import importlib
import sys
from collections import Counter

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.errors import ChangedNodesWarning
from functionfuse.reuse.pieces import STORED_CHARACTERS
from functionfuse.storage.filestorage import FileKeeper, FileStorage
from functionfuse.testing.functions import Account, add, keep

pytestmark = pytest.mark.filterwarnings("ignore::functionfuse.errors.ChangedNodesWarning")

STEPS = """
from dataclasses import dataclass
from functionfuse import workflow
import my_helpers

LIMIT = 1

@dataclass
class Settings:
    rate: float

    def scale(self, x):
        return x * self.rate

def count(x):
    return x + LIMIT

@workflow
def train(x):
    return my_helpers.clean(count(x)) + Settings(1.0).scale(x)

@workflow
def apply(function, x):
    return function(x)
"""
HELPERS = """
def clean(x):
    return x

def unused(x):
    return x
"""


@pytest.fixture
def storage(tmp_path):
    return FileStorage(tmp_path / "storage")


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Import the modules above anew, with some text in them replaced."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)

    def import_anew(old="", new=""):
        for name, source in (("my_steps", STEPS), ("my_helpers", HELPERS)):
            (tmp_path / f"{name}.py").write_text(source.replace(old, new) if old else source)
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        return importlib.import_module("my_steps")

    yield import_anew
    for name in ("my_steps", "my_helpers"):
        sys.modules.pop(name, None)


def workflow_of(storage, *nodes):
    w = LocalWorkflow(*nodes, workflow_name="w")
    w.set_storage(storage)
    return w


def changes(storage, *nodes):
    return [str(change) for change in workflow_of(storage, *nodes).why()["node"].changes]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("def clean(x):\n", "\n\ndef clean(x):\n    x = -x\n", "my_helpers.clean (my_helpers.py, lines 4-6)"),
        ("x + LIMIT", "x - LIMIT", "my_steps.count (my_steps.py, lines 15-16)"),
        ("LIMIT = 1", "LIMIT = 2", "my_steps.count (my_steps.py, lines 15-16)"),
        ("x * self.rate", "x / self.rate", "my_steps.Settings.scale (my_steps.py, lines 12-13)"),
        ("rate: float", "rate: float = 0.1", "my_steps.Settings.__init__"),
        ("+ Settings", "- Settings", "my_steps.train (my_steps.py, lines 18-20)"),
    ],
)  # fmt: skip
def test_the_changed_piece_of_code_is_named_with_its_lines(modules, storage, old, new, expected):
    workflow_of(storage, modules().train(1).set_name("node")).run()
    (text,) = changes(storage, modules(old, new).train(1).set_name("node"))
    assert text.startswith("code changed: ")
    assert expected in text


def test_what_came_and_what_went_is_named(modules, storage):
    def other(x):
        return 2 * x

    workflow_of(storage, modules().train(1).set_name("node")).run()
    (text,) = changes(storage, workflow(other)(1).set_name("node"))
    assert "other (" in text
    assert "which is new" in text
    assert "my_helpers.clean, which is no longer used" in text


def test_a_function_given_as_an_argument_is_named(modules, storage):
    def node(**replaced):
        steps = modules(**replaced)
        return steps.apply(steps.my_helpers.clean, 1).set_name("node")

    workflow_of(storage, node()).run()
    assert changes(storage, node(old="return x\n\ndef unused", new="return 3\n\ndef unused")) == [
        "code changed: my_helpers.clean (my_helpers.py, lines 2-3)"
    ]


def test_functions_of_one_name_are_told_as_one(storage):
    """Two lambdas in one argument: only the name of both can be told."""

    def node(first, second):
        return keep([first, second, second]).set_name("node")

    workflow_of(storage, node(lambda x: x, lambda x: -x)).run()
    assert changes(storage, node(lambda x: x, lambda x: -x)) == []
    (text,) = changes(storage, node(lambda x: x, lambda x: +x))
    assert text.count("test_functions_of_one_name_are_told_as_one.<locals>.<lambda>") == 1


def test_a_result_saved_without_pieces_says_only_that_code_changed(modules, storage):
    workflow_of(storage, modules().train(1).set_name("node")).run()
    fingerprint = dict(storage.read_header("w", "node").fingerprint)
    pieces = fingerprint.pop("pieces").split()[::2]
    assert pieces[0] == "my_steps.train"
    assert {"my_helpers.clean", "my_steps.Settings", "my_steps.Settings.scale"} < set(pieces)
    storage.save("w", "node", 1, fingerprint=fingerprint, started=1e9, duration=1.0)
    assert changes(storage, modules().train(1).set_name("node")) == []
    assert changes(storage, modules("x + LIMIT", "x").train(1).set_name("node")) == ["code changed"]


def test_however_many_the_pieces_a_header_stays_small(storage):
    def source(last):
        helpers = [f"def helper_number_{i}(x): return helper_number_{i + 1}(x)" for i in range(200)]
        return "\n".join([*helpers, f"def helper_number_200(x): return {last}"])

    def node(last):
        namespace = {"__name__": "__main__"}
        exec(source(last), namespace)
        return workflow(namespace["helper_number_0"])(1).set_name("node")

    workflow_of(storage, node(1)).run()
    pieces = storage.read_header("w", "node").fingerprint["pieces"]
    assert STORED_CHARACTERS // 2 < len(pieces) <= STORED_CHARACTERS
    assert changes(storage, node(2)) == ["code changed"]


def test_arguments_are_told_in_words(storage):
    def told(before, now):
        workflow_of(storage, before.set_name("node")).run(reuse="never")
        return changes(storage, now.set_name("node"))

    function = workflow(lambda *args, **kwargs: 0)
    long = "x" * 200
    assert told(function(C=1.0), function(C=0.5)) == ["argument C was 1.0, is 0.5"]
    assert told(function(), function(C=0.5)) == ["argument C is new: 0.5"]
    assert told(function(C=None), function()) == ["argument C was None, is left out"]
    assert told(function(C=long), function(C=long + "y")) == ["argument C is another <str>"]
    assert told(function(C=[1]), function(C=2)) == ["argument C was <list>, is 2"]
    names = [f"name {i}" for i in range(30)]
    assert told(function(*names), function(*names[:-1], "x")) == [
        "argument 29 was 'name 29', is 'x'"
    ]


def test_items_of_parents_are_told_by_their_names(storage):
    def node(key):
        return keep(keep({"X": 1, "y": 2}).set_name("a")[key]).set_name("node")

    workflow_of(storage, node("X")).run()
    assert changes(storage, node("y")) == ["argument value was <a node>['X'], is a['y']"]


def test_a_result_of_another_python_says_that_its_code_is_not_compared(storage, monkeypatch):
    monkeypatch.setattr(
        "functionfuse.storage.format.Header.__new__.__defaults__", _defaults("3.99.1")
    )
    workflow_of(storage, keep(1).set_name("node")).run()
    explanation = workflow_of(storage, keep(1).set_name("node")).why()["node"]
    assert explanation.reason == "unchanged"
    assert "by Python 3.99.1, arguments unchanged, code of another Python" in explanation.text


def _defaults(python):
    from functionfuse.storage.format import PYTHON, Header

    return tuple(python if value == PYTHON else value for value in Header.__new__.__defaults__)


def test_an_instance_is_made_for_the_call_that_needs_it(storage):
    """account ─► deposit ─► withdraw (removed): the deposit is made again, not saved again."""

    def build():
        account = Account(10).set_name("account")
        account.deposit(5).set_name("deposit")
        return workflow_of(storage, account.deposit(-3).set_name("withdrawal"))

    build().run()
    assert build().why()["account"].text == "no call on it executes"
    storage.remove_task("w", "withdrawal")
    why = build().why()
    assert why["account"].text == "'deposit' needs the instance"
    assert why["deposit"].text.endswith("not needed; the call is made again for the instance")
    assert why["withdrawal"].text == "not saved"


def test_a_call_on_another_instance_says_so(storage):
    def build(balance):
        account = Account(balance).set_name("account")
        return workflow_of(storage, account.deposit(5).set_name("deposit"))

    build(1).run()
    (change,) = build(2).why()["deposit"].changes
    assert str(change) == "upstream changed: instance 'account' is in another state"


def test_a_parent_that_was_made_anew_is_named(storage):
    def build(number):
        a = keep(number).set_name("a")
        return workflow_of(storage, add(a, 1).set_name("b"))

    build(1).run()
    w = workflow_of(storage, keep(2).set_name("a"))
    w.run(reuse="unchanged")
    (change,) = build(2).why()["b"].changes
    assert str(change) == "upstream changed: it was made from another result of 'a'"


def test_only_headers_of_explained_nodes_are_read(storage, monkeypatch):
    w = workflow_of(storage, *[keep(i).set_name(f"node {i}") for i in range(30)])
    w.run()
    read = Counter()
    read_head = FileKeeper.read_head

    def counting(self, key, nbytes):
        read[key] += 1
        return read_head(self, key, nbytes)

    monkeypatch.setattr(FileKeeper, "read_head", counting)
    w.why("node [12]")
    assert read == {"w/node 1": 1, "w/node 2": 1}


def test_a_table_of_many_nodes_ends_somewhere():
    w = LocalWorkflow(*[keep(i) for i in range(250)], workflow_name="w")
    why = w.why()
    assert "and 50 more" in why._repr_html_()
    assert repr(why) == "<why of 250 nodes: 250 execute; print it>"
    assert len(str(why).splitlines()) == 250


def test_names_are_escaped_in_the_table():
    w = LocalWorkflow(keep(1).set_name("<b>"), workflow_name="w")
    assert "<td>&lt;b&gt;</td>" in w.why()._repr_html_()


def test_the_warning_says_what_why_says(modules, storage):
    workflow_of(storage, modules().train(1).set_name("node")).run()
    w = workflow_of(storage, modules("x + LIMIT", "x").train(2).set_name("node"))
    with pytest.warns(ChangedNodesWarning) as caught:
        w.run()
    text = "; ".join(map(str, w.why()["node"].changes))
    assert f"'node': {text}" in str(caught[0].message)
