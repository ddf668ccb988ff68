"""A graph as a picture: what is drawn, and how Mermaid, DOT and plain text write it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from functionfuse.graph import Graph
from functionfuse.node import Construction, MethodCall
from functionfuse.record import NodeRun, State

__all__ = ["Arrow", "Box", "Drawing", "draw", "to_dot", "to_mermaid", "to_text"]

MOST_NODES = 200
"""Larger graphs are drawn by function: one box for all calls of it."""

COLORS = {
    State.EXECUTED: "#b7e4c7",
    State.LOADED: "#bde0fe",
    State.SKIPPED: "#e5e5e5",
    State.FAILED: "#ffb3b3",
}
"""What nodes are filled with after a run, under black letters; pending ones are plain."""


class Box(NamedTuple):
    """A node, or all nodes of one function."""

    key: str
    label: str
    is_round: bool = False
    """Whether it is the instance of a stateful node."""
    state: State = State.PENDING
    """What became of the node in the last run."""


class Arrow(NamedTuple):
    """From a parent to a child."""

    start: str
    end: str
    label: str = ""
    is_dotted: bool = False
    """Whether it only says that one call follows another."""


class Drawing(NamedTuple):
    """What is drawn of a graph."""

    boxes: Sequence[Box]
    arrows: Sequence[Arrow]


def draw(graph: Graph, last_run: Mapping[str, NodeRun] | None = None) -> Drawing:
    """Decide what is drawn: boxes for nodes, arrows from parents to children.

    Instances of stateful nodes are round; a dotted arrow says that one call follows another.
    A graph of more than 200 nodes is drawn by function; what all nodes of a function did, or
    that one failed, then colours its box.

    Parameters
    ----------
    graph
        The graph.
    last_run
        What became of its nodes in a run, which colours them; None leaves them plain.
    """
    if len(graph) > MOST_NODES:
        return _by_function(graph, last_run)
    boxes, arrows = [], []
    for position, (node, name) in enumerate(zip(graph.nodes, graph.names, strict=True)):
        key = f"n{position}"
        state = State.PENDING if last_run is None else last_run[name].state
        boxes.append(Box(key, name, type(node) is Construction, state))
        inputs = dict.fromkeys(graph.inputs[position])
        arrows += [Arrow(f"n{parent}", key) for parent in inputs]
        if type(node) is MethodCall:
            before = graph.parents[position][MethodCall.ORDER_PARENT]
            if before not in inputs:
                arrows.append(Arrow(f"n{before}", key, is_dotted=True))
    return Drawing(boxes, arrows)


def _by_function(graph: Graph, last_run: Mapping[str, NodeRun] | None) -> Drawing:
    functions = [node.function.qualname for node in graph.nodes]
    keys = {function: f"f{index}" for index, function in enumerate(dict.fromkeys(functions))}
    counts = Counter(functions)
    edges = Counter(
        (keys[functions[parent]], keys[functions[position]])
        for position in range(len(graph))
        for parent in graph.inputs[position]
    )
    states: dict[str, set[State]] = {function: set() for function in keys}
    for function, node in zip(functions, (last_run or {}).values(), strict=False):
        states[function].add(node.state)
    boxes = [
        Box(key, f"{function} x {counts[function]}", state=_common(states[function]))
        for function, key in keys.items()
    ]
    return Drawing(boxes, [Arrow(*ends, str(count)) for ends, count in edges.items()])


def _common(states: Collection[State]) -> State:
    """Return the state that a box of many nodes shows: a failure, or what they all have."""
    if State.FAILED in states:
        return State.FAILED
    return next(iter(states)) if len(states) == 1 else State.PENDING


def to_mermaid(drawing: Drawing) -> str:
    """Return a Mermaid flowchart."""
    lines = ["flowchart LR"]
    for key, label, is_round, _ in drawing.boxes:
        text = f'"{_escape(label)}"'
        lines.append(f"  {key}([{text}])" if is_round else f"  {key}[{text}]")
    for start, end, label, is_dotted in drawing.arrows:
        arrow = "-.->" if is_dotted else "-->"
        lines.append(f"  {start} {arrow}{f'|{label}|' if label else ''} {end}")
    for state, color in COLORS.items():
        keys = ",".join(box.key for box in drawing.boxes if box.state is state)
        if keys:
            lines.append(f"  classDef {state} fill:{color},color:#000")
            lines.append(f"  class {keys} {state}")
    return "\n".join(lines)


def to_dot(drawing: Drawing) -> str:
    """Return a graph in DOT, the language of Graphviz."""
    lines = ["digraph {", "  rankdir=LR", "  node [shape=box, fontname=Helvetica]"]
    for key, label, is_round, state in drawing.boxes:
        style = ", shape=oval" if is_round else ""
        if state in COLORS:
            style += f', style=filled, fillcolor="{COLORS[state]}"'
        lines.append(f"  {key} [label={_quote(label)}{style}]")
    for start, end, label, is_dotted in drawing.arrows:
        style = f" [label={_quote(label)}]" if label else " [style=dotted]" if is_dotted else ""
        lines.append(f"  {start} -> {end}{style}")
    return "\n".join([*lines, "}"])


def to_text(graph: Graph) -> str:
    """Return a line per node: its name and its parents' names; at most 200 lines."""
    lines = []
    for position in graph.order[:MOST_NODES]:
        parents = ", ".join(graph.names[parent] for parent in dict.fromkeys(graph.inputs[position]))
        lines.append(graph.names[position] + (f"  ◄── {parents}" if parents else ""))
    if len(graph) > MOST_NODES:
        lines.append(f"… and {len(graph) - MOST_NODES} more")
    return "\n".join(lines)


def _escape(text: str) -> str:
    """Write the characters that mean something to Mermaid or HTML by their numbers."""
    return "".join(
        c if c.isalnum() or c in " ,.-_()/=+" else f"#{ord(c)};" for c in " ".join(text.split("\n"))
    )


def _quote(text: str) -> str:
    """Write a text between quotes for DOT, which reads references such as `&amp;` in it."""
    for character, written in (("\\", r"\\"), ('"', r"\""), ("&", "&amp;")):
        text = text.replace(character, written)
    return '"' + " ".join(text.split()) + '"'
