"""Making a storage from a description of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from functionfuse.registry import STORAGES

if TYPE_CHECKING:
    from functionfuse.storage.base import Storage

__all__ = ["storage_factory"]


def storage_factory(opt: Mapping[str, Any]) -> Storage:
    """Make a storage.

    Parameters
    ----------
    opt
        `{"kind": "file", "options": {"path": …}}`, or kind `"ray"` with options
        `rayInitArgs`, `remoteArgs` and `path`, or kind `"S3"` with options `path` and
        `s3fs`, or a kind that another distribution brings.

    Returns
    -------
    Storage
        To be given to a workflow's `set_storage`, or read from.

    Raises
    ------
    TypeError
        If `opt` is no dictionary.
    ValueError
        If the kind is unknown, or an option is missing or unknown.
    ImportError
        If the kind is in a distribution that is not installed.

    Examples
    --------
    >>> from functionfuse.storage import storage_factory
    >>> storage = storage_factory({"kind": "file", "options": {"path": "storage"}})
    >>> storage.list_tasks("classifier", "*")
    []
    """
    options = opt.get("options", {}) if isinstance(opt, Mapping) else None
    if not isinstance(options, Mapping):
        # Types only, here and below: values may be secret.
        given = f"one of type {type(opt).__name__}"
        if options is not None:
            given += f" with options of type {type(options).__name__}"
        msg = f'a storage is described by {{"kind": …, "options": {{…}}}}, got {given}'
        raise TypeError(msg)
    unknown = opt.keys() - {"kind", "options"}
    if "kind" not in opt or unknown:
        msg = (
            f"a storage's description has the keys 'kind' and 'options', got {sorted(opt)}; "
            f"kinds are {', '.join(STORAGES.names())}"
        )
        raise ValueError(msg)
    storage_class = STORAGES.find(opt["kind"])
    storage: Storage = storage_class.from_options(options)
    return storage
