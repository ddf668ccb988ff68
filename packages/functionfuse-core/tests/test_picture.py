"""Graphs as Mermaid and as text."""

from __future__ import annotations

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.testing.functions import Account, add, keep, total


def lines(*nodes):
    return [
        line.strip() for line in LocalWorkflow(*nodes, workflow_name="w").to_mermaid().split("\n")
    ]


def test_nodes_are_boxes_and_arrows_go_from_parents_to_children():
    """a ─► b, twice as an argument but one arrow."""
    a = keep(1).set_name("a")
    assert lines(add(a, a).set_name("b")) == [
        "flowchart LR",
        'n0["a"]',
        'n1["b"]',
        "n0 --> n1",
    ]


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


def test_names_that_mean_something_to_mermaid_are_written_by_numbers():
    assert lines(keep(1).set_name('a "b"; <c>\n#'))[1] == 'n0["a #34;b#34;#59; #60;c#62; #35;"]'


def test_large_graphs_are_drawn_by_function():
    values = [keep(i) for i in range(300)]
    assert lines(total(values))[1:] == [
        'f0["keep x 300"]',
        'f1["total x 1"]',
        "f0 -->|300| f1",
    ]


def test_text_names_parents_and_ends_somewhere():
    step = workflow(lambda x: x)
    node = step(0).set_name("first")
    for i in range(250):
        node = step(node).set_name(f"step {i}")
    text = str(LocalWorkflow(node, workflow_name="w")).split("\n")
    assert text[:3] == ["<LocalWorkflow 'w' of 251 nodes>", "first", "step 0  ◄── first"]
    assert text[-1] == "… and 51 more"
