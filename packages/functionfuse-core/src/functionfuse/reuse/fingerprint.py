"""The fingerprint of a node: what its result is made from.

Each result is saved with the digests of its code, its literal arguments and its parents'
fingerprints, so that a later run can tell which of them changed. A parent that was loaded
contributes the fingerprint stored with it: what is computed from an old value never
passes for something new.

Instructions differ between Python's minor versions. So a second digest leaves out the
code, of the node and of all above it; it decides where the versions differ.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from hashlib import blake2b
from itertools import chain
from types import FunctionType
from typing import Any, NamedTuple

from functionfuse.arguments import Pack, Slot
from functionfuse.graph import Graph
from functionfuse.node import Construction, Function, MethodCall, Node
from functionfuse.reuse.code import CodeDigests
from functionfuse.reuse.pieces import Code, Pieces, merge_pieces
from functionfuse.reuse.values import (
    ATOMS,
    DIGEST_BYTES,
    UnhashableValueError,
    ValueDigests,
    qualified_name,
)
from functionfuse.storage.format import PYTHON
from functionfuse.storage.index import Saved

__all__ = ["Ancestry", "Fingerprint", "Fingerprints", "is_same_python"]

SHOWN_CHARACTERS = 120
"""Longer arguments are shown by their digest, so that headers stay small."""


class Ancestry(NamedTuple):
    """What a node contributes to the fingerprints of its children (in hexadecimal)."""

    digest: str
    data_digest: str
    """The same without any code."""

    @classmethod
    def passed_on(cls, parents: Sequence[Ancestry]) -> Ancestry:
        """Return that of a node that itself never counts as changed."""
        return cls(
            _digest(*[parent.digest for parent in parents]),
            _digest(*[parent.data_digest for parent in parents]),
        )

    @classmethod
    def saved(cls, saved: Saved) -> Ancestry | None:
        """Return that stored with a result, if there is one."""
        return cls(saved.digest, saved.data_digest) if saved.digest else None


class Fingerprint(NamedTuple):
    """What a node's result is made from."""

    code: str
    arguments: dict[str, str]
    """Literals, and which parents' results stand where, by parameter."""
    parents: Sequence[Ancestry]
    pieces: Pieces = Pieces()
    """Of the code, by name; they only help to tell what changed."""

    @property
    def digest(self) -> str:
        """Digest of all of it."""
        return _digest(self.code, repr(self.arguments), *[parent.digest for parent in self.parents])

    @property
    def data_digest(self) -> str:
        """The same without the code."""
        return _digest(repr(self.arguments), *[parent.data_digest for parent in self.parents])

    @property
    def upstream(self) -> str:
        """Digest of the parents' fingerprints."""
        return _digest(*[parent.digest for parent in self.parents])

    @property
    def ancestry(self) -> Ancestry:
        """What the node contributes to its children's."""
        return Ancestry(self.digest, self.data_digest)

    def to_header(self) -> dict[str, Any]:
        """Return it as it is stored with a result."""
        return {
            "digest": self.digest,
            "data_digest": self.data_digest,
            "code": self.code,
            "arguments": self.arguments,
            "upstream": self.upstream,
            "pieces": self.pieces.text,
        }

    def fits(self, saved: Saved) -> bool:
        """Tell whether a saved result was made from the same."""
        if is_same_python(saved.python):
            return saved.digest == self.digest
        return saved.data_digest == self.data_digest


class Fingerprints:
    """Takes the fingerprints of a graph's nodes, in the order of creation.

    Parameters
    ----------
    graph
        The graph; its literals are digested once.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        functions = {id(node.function): node.function for node in graph.nodes}
        self._code = CodeDigests(function.func for function in functions.values())
        self._values = ValueDigests(self._code.own_code)
        self._functions: dict[Function, tuple[str, Pieces]] = {}

    def take(self, position: int, parents: Sequence[Ancestry]) -> Fingerprint:
        """Take the fingerprint of one node.

        Parameters
        ----------
        position
            The node.
        parents
            What its parents contribute, in their order.
        """
        node = self._graph.nodes[position]
        argument_code: list[Code] = []
        arguments = self._arguments(position, argument_code)
        code, pieces = self._code_of(node)
        if argument_code:
            code = _digest(code, *[given.digest.hex() for given in argument_code])
            pieces = merge_pieces(chain(pieces, *[given.pieces for given in argument_code]))
        return Fingerprint(code, arguments, parents, pieces)

    def _code_of(self, node: Node) -> tuple[str, Pieces]:
        """Digest the code: of a method call that of its class; of the construction none then."""
        if isinstance(node, Construction):
            return "", Pieces()
        if isinstance(node, MethodCall):
            code = self._code.code(node.parents[0].function.func)
            return _digest(code.digest.hex(), node.function.qualname), code.pieces
        if node.function not in self._functions:
            code = self._code.code(node.function.func)
            self._functions[node.function] = code.digest.hex(), code.pieces
        return self._functions[node.function]

    def _arguments(self, position: int, code: list[Code]) -> dict[str, str]:
        """Say what each argument is, and collect the code of functions in the literals."""
        node = self._graph.nodes[position]
        names = _parameter_names(node.function.func)
        if node.args is None:
            texts = {name: f"<parent {i}>" for i, name in enumerate(names[: len(node.parents)])}
            if len(node.parents) > len(names):
                texts["*"] = f"{len(node.parents)} parents"
            return texts
        is_named = self._graph.given_names[position] is not None
        by_name = {
            names[index] if index < len(names) else str(index): value
            for index, value in enumerate(node.args)
        }
        by_name |= sorted((node.kwargs or {}).items())
        return {name: _shown(self._text(value, is_named, code)) for name, value in by_name.items()}

    def _text(self, template: Any, is_named: bool, code: list[Code]) -> str:
        """Say what an argument is: a literal as it is written or its digest, or a parent."""
        kind = type(template)
        if kind is Slot:
            path = "".join(f"[{self._text(key, is_named, code)}]" for key in template.keys)
            return f"<parent {template.parent}>{path}"
        if kind is Pack:
            items = [self._text(item, is_named, code) for item in template.values]
            keys = [self._text(key, is_named, code) for key in template.keys]
            return _written(template.kind, keys, items)
        if kind in ATOMS:
            text = repr(template)
            if len(text) <= SHOWN_CHARACTERS:
                return text
        return self._digest_text(template, is_named, code)

    def _digest_text(self, value: Any, is_named: bool, code: list[Code]) -> str:
        name = qualified_name(type(value))
        try:
            digest = self._values.digest(value)
        except UnhashableValueError:
            return name
        code += digest.code
        # A name says which result is meant, so chance differences don't count against it.
        return name if is_named and not digest.is_stable else f"{name} {digest.content.hex()}"


def _written(kind: type, keys: Sequence[str], items: Sequence[str]) -> str:
    """Write a container as it stands in code; other kinds than Python's own with their names."""
    if kind is dict:
        return (
            "{" + ", ".join(f"{key}: {item}" for key, item in zip(keys, items, strict=True)) + "}"
        )
    if kind is list:
        return f"[{', '.join(items)}]"
    if kind is tuple:
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    if kind in (set, frozenset):
        items = sorted(items)
    return f"{kind.__name__}({', '.join(items)})"


def _shown(text: str) -> str:
    is_short = len(text) <= SHOWN_CHARACTERS
    return text if is_short else _digest(text)


def _digest(*parts: str) -> str:
    """Digest lines of text: digests, and what `repr` gives; in 32 hexadecimal digits."""
    text = "\n".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=DIGEST_BYTES).hexdigest()


@functools.cache
def is_same_python(version: str) -> bool:
    """Tell whether instructions mean the same in a version of Python and in this."""
    return version.split(".")[:2] == PYTHON.split(".")[:2]


def _parameter_names(func: Any) -> tuple[str, ...]:
    if not isinstance(func, FunctionType):
        return ()
    return func.__code__.co_varnames[: func.__code__.co_argcount]
