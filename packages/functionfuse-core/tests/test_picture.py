"""Graphs as Mermaid, as DOT, as SVG and as text."""

from __future__ import annotations

import shutil
import sys
from xml.etree import ElementTree

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.errors import MissingProgramError
from functionfuse.testing import unavailable
from functionfuse.testing.functions import Account, CustomError, add, fail, keep, total


def lines(*nodes):
    return stripped(LocalWorkflow(*nodes, workflow_name="w").to_mermaid())


def dot_lines(*nodes):
    first, *others, last = stripped(LocalWorkflow(*nodes, workflow_name="w").to_dot())
    assert (first, others[:2], last) == (
        "digraph {", ["rankdir=LR", "node [shape=box, fontname=Helvetica]"], "}"
    )  # fmt: skip
    return others[2:]


def stripped(text):
    return [line.strip() for line in text.split("\n")]


def test_nodes_are_boxes_and_arrows_go_from_parents_to_children():
    """a ─► b, twice as an argument but one arrow."""
    a = keep(1).set_name("a")
    b = add(a, a).set_name("b")
    assert lines(b) == ["flowchart LR", 'n0["a"]', 'n1["b"]', "n0 --> n1"]
    assert dot_lines(b) == ['n0 [label="a"]', 'n1 [label="b"]', "n0 -> n1"]


def test_an_instance_is_round_and_calls_follow_each_other_by_dots():
    account = Account(1).set_name("account")
    calls = [account.deposit(i).set_name(f"call {i}") for i in range(2)]
    assert lines(*calls)[1:] == [
        'n0(["account"])',
        'n1["call 0"]',
        'n2["call 1"]',
        "n0 --> n1",
        "n0 --> n2",
        "n1 -.-> n2",
    ]
    drawn = dot_lines(*calls)
    assert drawn[0] == 'n0 [label="account", shape=oval]'
    assert drawn[-1] == "n1 -> n2 [style=dotted]"


def test_names_that_mean_something_to_mermaid_are_written_by_numbers():
    assert lines(keep(1).set_name('a "b"; <c>\n#'))[1] == 'n0["a #34;b#34;#59; #60;c#62; #35;"]'


def test_names_that_mean_something_to_dot_are_escaped():
    name = 'a "b" \\N &lt;\n<i>'
    assert dot_lines(keep(1).set_name(name)) == [r'n0 [label="a \"b\" \\N &amp;lt; <i>"]']


def test_large_graphs_are_drawn_by_function():
    node = total([keep(i) for i in range(300)])
    assert lines(node)[1:] == [
        'f0["keep x 300"]',
        'f1["total x 1"]',
        "f0 -->|300| f1",
    ]
    assert dot_lines(node) == [
        'f0 [label="keep x 300"]',
        'f1 [label="total x 1"]',
        'f0 -> f1 [label="300"]',
    ]


def test_what_became_of_nodes_colours_them():
    """a ─► b (fails) ─► c (never reached)."""
    c = keep(fail(keep(1).set_name("a")).set_name("b")).set_name("c")
    w = LocalWorkflow(c, workflow_name="w")
    assert "fill" not in w.to_mermaid() + w.to_dot()
    with pytest.raises(CustomError):
        w.run()
    assert stripped(w.to_mermaid())[-4:] == [
        "classDef executed fill:#b7e4c7,color:#000",
        "class n0 executed",
        "classDef failed fill:#ffb3b3,color:#000",
        "class n1 failed",
    ]
    assert 'n1 [label="b", style=filled, fillcolor="#ffb3b3"]' in w.to_dot()
    assert 'n2 [label="c"]' in w.to_dot()


def test_a_function_has_the_colour_of_all_its_nodes_or_of_a_failure():
    """300 x keep ─► total, 2 x fail: one fails, so the other is never reached."""
    w = LocalWorkflow(
        total([keep(i) for i in range(300)]), *[fail(i) for i in range(2)], workflow_name="w"
    )
    with pytest.raises(CustomError):
        w.run()
    assert stripped(w.to_mermaid())[-4:] == [
        "classDef executed fill:#b7e4c7,color:#000",
        "class f0,f1 executed",
        "classDef failed fill:#ffb3b3,color:#000",
        "class f2 failed",
    ]


def test_text_names_parents_and_ends_somewhere():
    step = workflow(lambda x: x)
    node = step(0).set_name("first")
    for i in range(250):
        node = step(node).set_name(f"step {i}")
    text = str(LocalWorkflow(node, workflow_name="w")).split("\n")
    assert text[:3] == ["<LocalWorkflow 'w' of 251 nodes>", "first", "step 0  ◄── first"]
    assert text[-1] == "… and 51 more"


def test_svg_is_drawn_by_graphviz():
    if shutil.which("dot") is None:
        unavailable("the program dot is not installed")
    svg = LocalWorkflow(add(keep(1), 2).set_name('a "b" <c>'), workflow_name="w").to_svg()
    texts = [element.text for element in ElementTree.fromstring(svg).iter() if element.text]
    assert 'a "b" <c>' in texts


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a program called dot on the path, alone."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def write(source):
        path = tmp_path / "dot"
        path.write_text(f"#!{sys.executable}\nimport sys\n{source}\n")
        path.chmod(0o755)

    return write


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program on Windows")
def test_the_program_is_given_the_graph_and_gives_the_picture(program):
    program("print(sys.argv[1:], sys.stdin.read())")
    w = LocalWorkflow(keep(1), workflow_name="w")
    assert w.to_svg() == f"['-Tsvg'] {w.to_dot()}\n"
    assert w._repr_mimebundle_()["image/svg+xml"] == w.to_svg()


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program on Windows")
def test_what_the_program_complains_of_is_told(program):
    program("sys.exit('no room')")
    w = LocalWorkflow(keep(1), workflow_name="w")
    with pytest.raises(RuntimeError, match="can't draw the graph: no room"):
        w.to_svg()
    assert set(w._repr_mimebundle_()) == {"text/vnd.mermaid", "text/plain"}


def test_without_graphviz_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    w = LocalWorkflow(keep(1), workflow_name="w")
    with pytest.raises(MissingProgramError, match="apt install graphviz"):
        w.to_svg()
    assert set(w._repr_mimebundle_()) == {"text/vnd.mermaid", "text/plain"}
