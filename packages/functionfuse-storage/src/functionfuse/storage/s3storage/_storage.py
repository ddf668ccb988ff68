"""The storage: what it is described by, and what it shows of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from functionfuse.storage.base import Storage
from functionfuse.storage.s3storage._keeper import S3Keeper

__all__ = ["S3FileStorage"]

OPTIONS = ("path", "s3fs")


class S3FileStorage(Storage):
    """Results as objects in S3: `path/workflow_name/task_name`.

    Processes and machines may share the path. Beside the workflows' folders stands
    `path/.functionfuse/` with the indexes and what serializers wrote. Nobody is contacted
    before the first run, or the first call of a method.

    Parameters
    ----------
    path
        A bucket, which must be there, and a folder in it: `"bucket/folder"`,
        `"s3://bucket/folder"` or `"bucket"`.
    s3fs_pars
        Arguments of `s3fs.S3FileSystem`, such as `key`, `secret` and `endpoint_url`; without
        credentials those of the environment are used. They go with the storage to other
        processes, but are in no message and no `repr`.

    Raises
    ------
    TypeError
        If `path` is no text or `s3fs_pars` no dictionary.
    ValueError
        If `path` is empty or begins with what can be no bucket's name.

    Notes
    -----
    `new_workflow`, and so a run, writes one small object to find out whether results can be
    written; it raises `FileNotFoundError` if the bucket is absent, `PermissionError` if the
    credentials are refused, and `ConnectionError` if nobody answers at the endpoint.
    """

    def __init__(self, path: str, s3fs_pars: Mapping[str, Any]) -> None:
        keeper = S3Keeper(path, s3fs_pars)
        super().__init__(keeper)
        self._shown = keeper.root, keeper.endpoint_url
        self._holds_secrets = any(map(_is_secret, _names_in(s3fs_pars)))

    @property
    def holds_secrets(self) -> bool:  # docstring inherited
        return self._holds_secrets

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> S3FileStorage:  # docstring inherited
        if "path" not in options or any(name not in OPTIONS for name in options):
            given = ", ".join(map(repr, options)) or "none"  # Not their values: they may be secret.
            msg = (
                "an S3FileStorage takes the options path and, unless all comes from the "
                f"environment, s3fs (arguments of s3fs.S3FileSystem); got {given}"
            )
            raise ValueError(msg)
        return cls(options["path"], options.get("s3fs", {}))

    def __repr__(self) -> str:
        root, endpoint_url = self._shown
        endpoint = f", endpoint_url={endpoint_url!r}" if endpoint_url else ""
        return f"S3FileStorage({root!r}{endpoint})"


def _names_in(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        if value is not None:
            yield name
        if isinstance(value, Mapping):
            yield from _names_in(value)


def _is_secret(name: str) -> bool:
    return name == "key" or any(word in name.lower() for word in ("secret", "token", "password"))
