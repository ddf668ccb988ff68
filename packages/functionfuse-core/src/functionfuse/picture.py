"""A graph as a picture: Mermaid for what draws it, text for everything else."""

from __future__ import annotations

from collections import Counter

from functionfuse.graph import Graph
from functionfuse.node import Construction, MethodCall

__all__ = ["to_mermaid", "to_text"]

MOST_NODES = 200
"""Larger graphs are drawn by function: one box for all calls of it."""


def to_mermaid(graph: Graph) -> str:
    """Return a Mermaid flowchart: boxes for nodes, arrows from parents to children.

    Instances of stateful nodes are rounded; a dotted arrow says that one call follows
    another. A graph of more than 200 nodes is drawn by function.
    """
    if len(graph) > MOST_NODES:
        return _by_function(graph)
    lines = ["flowchart LR"]
    for position, node in enumerate(graph.nodes):
        label = f'"{_escape(graph.names[position])}"'
        box = f"([{label}])" if type(node) is Construction else f"[{label}]"
        lines.append(f"  n{position}{box}")
    for position, node in enumerate(graph.nodes):
        inputs = dict.fromkeys(graph.inputs[position])
        lines += [f"  n{parent} --> n{position}" for parent in inputs]
        if type(node) is MethodCall:
            before = graph.parents[position][MethodCall.ORDER_PARENT]
            if before not in inputs:
                lines.append(f"  n{before} -.-> n{position}")
    return "\n".join(lines)


def _by_function(graph: Graph) -> str:
    functions = [node.function.qualname for node in graph.nodes]
    boxes = {function: f"f{index}" for index, function in enumerate(dict.fromkeys(functions))}
    counts = Counter(functions)
    lines = ["flowchart LR"]
    lines += [f'  {box}["{_escape(f)} x {counts[f]}"]' for f, box in boxes.items()]
    edges = Counter(
        (boxes[functions[parent]], boxes[functions[position]])
        for position in range(len(graph))
        for parent in graph.inputs[position]
    )
    lines += [f"  {parent} -->|{count}| {child}" for (parent, child), count in edges.items()]
    return "\n".join(lines)


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
