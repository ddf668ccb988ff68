"""What a component is told of its nodes, as JSON in its command.

It holds data only: functions are named, and what JSON can't say is named by the digest of
a pickle in the image.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["ComponentSpec", "NodeSpec", "Origin", "SaveSpec", "dump_json"]

Argument = Mapping[str, Any]
"""One of `{"parameter": name}`, the name of a parameter whose text is JSON;
`{"value": digest}`, a pickle in the image;
`{"parent": index, "keys": […]}`, an item, or all, of a parent's result."""

Origin = Mapping[str, Any]
"""Where a parent's result comes from, one of `{"artifact": input}`, `{"node": index}` in the
same component, `{"saved": […]}` in the storage, or `{}` for a parent that only orders."""


class SaveSpec(NamedTuple):
    """With what a node's result is saved."""

    fingerprint: Mapping[str, Any]
    """As stored with the result; without its digests where the container takes them."""
    upstream: Sequence[Sequence[str] | None] | None = None
    """The parents' part of the fingerprint, in a pipeline that was compiled without a plan:
    None for that of the result that the container is given."""
    is_stored: bool = True
    """Not so for a log node, whose children still need a fingerprint."""
    is_named: bool = True


class NodeSpec(NamedTuple):
    """One node."""

    name: str
    function: str
    """See `functionfuse.backends.addons.kfpcontainer._references`."""
    parents: Sequence[Origin]
    args: Sequence[Argument] | None
    """None when they are just the parents' results in order."""
    kwargs: Mapping[str, Argument] | None = None
    initialize: str | None = None
    """Digest of a pickle: what a plugin calls before the node."""
    save: SaveSpec | None = None
    output: str | None = None
    """The artifact that its result becomes."""
    on_instance: bool = False
    """Whether it makes an instance or is a call on one."""

    def to_json(self) -> str:
        """Return it as text, in which nothing looks like a placeholder of KFP."""
        fields = {k: v for k, v in self._asdict().items() if v != self._field_defaults.get(k)}
        fields["args"] = self.args
        if self.save is not None:
            fields["save"] = self.save._asdict()
        return dump_json(fields)

    @classmethod
    def from_json(cls, text: str) -> NodeSpec:
        """Return what `to_json` wrote."""
        fields = json.loads(text)
        if fields.get("save") is not None:
            fields["save"] = SaveSpec(**fields["save"])
        return cls(**fields)


class ComponentSpec(NamedTuple):
    """What all nodes of a component share."""

    workflow: str
    python: str
    """Minor version of the Python that the workflow was made with."""
    script: str | None = None
    """Where the driver's `__main__` is: the path of a file among the user's, or a module."""
    reuse: str | None = None
    """The policy by which the container itself looks into the storage; None if a plan did."""
    has_storage: bool = False

    def to_json(self) -> str:
        """Return it as text."""
        return dump_json(self._asdict())

    @classmethod
    def from_json(cls, text: str) -> ComponentSpec:
        """Return what `to_json` wrote."""
        return cls(**json.loads(text))


def dump_json(value: Any) -> str:
    """Write JSON without what KFP, Argo and Kubernetes would expand: `{{…}}` and `$(…)`."""
    # Neither occurs outside of JSON's strings.
    return json.dumps(value, allow_nan=False).replace("{{", "{\\u007b").replace("$(", "\\u0024(")
