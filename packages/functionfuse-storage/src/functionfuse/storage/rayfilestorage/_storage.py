"""The handle of a storage on a node of a Ray cluster, and its keeper."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from functionfuse.storage.base import Storage
from functionfuse.storage.format import Buffer
from functionfuse.storage.keeper import Keeper, Stamp, WriteAll
from functionfuse.storage.lookup import Listing
from functionfuse.storage.rayfilestorage._actor import StorageActor
from functionfuse.storage.rayfilestorage._cluster import start_ray
from functionfuse.storage.rayfilestorage._place import Place

__all__ = ["FileStorage"]

OPTIONS = {"path", "remoteArgs", "rayInitArgs"}


class FileStorage(Storage):
    """Results as files on the one node of a Ray cluster that `remoteArgs` point to.

    It is core's file storage, living on that node: the same files in the same format.

    Parameters
    ----------
    opt
        A dictionary:

        path
            A folder on that node. A relative one is taken from the working directory of
            Ray's processes there: that in which `ray start` was called, or that of the
            job's `working_dir`.
        remoteArgs
            Options of `ray.remote`, such as `{"resources": {"_disk": 0.001}}`, that lead to
            the node.
        rayInitArgs
            Arguments of `ray.init`, to read from a process in which Ray does not run;
            absent where a workflow or the user starts it.

    Raises
    ------
    TypeError
        If `opt`, or what it holds, is of another type.
    ValueError
        If an option is missing or unknown, to this class or to Ray.
    ConnectionError
        If there is no cluster at the address in `rayInitArgs`.
    """

    def __init__(self, opt: Mapping[str, Any]) -> None:
        _check(opt)
        init_args = opt.get("rayInitArgs")
        self._place = Place(opt["path"], opt.get("remoteArgs") or {}, init_args)
        super().__init__(_PlaceKeeper(self._place))
        if init_args is not None:
            start_ray(init_args)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> FileStorage:  # docstring inherited
        return cls(options)

    def actor(self) -> Any:
        """Return the handle of the `StorageActor` on the node, for calls without waiting."""
        return self._place.actor()

    def forget_actor(self) -> None:
        """Have `actor` start it again, after it died."""
        self._place.forget_actor()

    def loss(self, error: Exception) -> Exception:
        """Return what tells a user why calls of the actor fail."""
        return self._place.loss(error)

    def list_saved(self, workflow_name: str) -> Listing:  # docstring inherited
        listing: Listing = self._place.call("call", "list_saved", workflow_name)
        return listing

    def __repr__(self) -> str:
        return f"FileStorage({self._place})"


class _PlaceKeeper(Keeper):
    """Keeps bytes at a place, by the file keeper there."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._folds_case: bool | None = None

    @property
    def folds_case(self) -> bool:  # docstring inherited
        if self._folds_case is None:
            self._folds_case = bool(self._place.call("folds_case"))
        return self._folds_case

    def prepare(self, folder: str) -> None:  # docstring inherited
        self._place.call("keep", "prepare", folder)
        self._folds_case = None  # Only now the folder is there that tells.

    def write(  # docstring inherited
        self, key: str, write_to: Callable[[WriteAll], None]
    ) -> Stamp:
        buffers: list[pickle.PickleBuffer] = []
        write_to(lambda data: buffers.append(pickle.PickleBuffer(data)))
        stamp: Stamp = self._place.call("write", key, buffers)
        return stamp

    def read(self, key: str) -> memoryview:  # docstring inherited
        # What lies in Ray's object store is not to be written to.
        return memoryview(bytearray(self._place.call("read", key)))

    def read_head(self, key: str, nbytes: int) -> memoryview:  # docstring inherited
        heads = self.read_heads([key], nbytes)
        if key not in heads:
            raise FileNotFoundError(key)
        return heads[key]

    def read_heads(
        self, keys: Sequence[str], nbytes: int
    ) -> dict[str, memoryview]:  # docstring inherited
        heads: Mapping[str, Buffer] = self._place.call("read_heads", keys, nbytes)
        return {key: memoryview(head) for key, head in heads.items()}

    def list(self, folder: str) -> Mapping[str, Stamp]:  # docstring inherited
        stamps: Mapping[str, Stamp] = self._place.call("keep", "list", folder)
        return stamps

    def folders(self) -> Sequence[str]:  # docstring inherited
        names: Sequence[str] = self._place.call("keep", "folders")
        return names

    def remove(self, key: str) -> None:  # docstring inherited
        self._place.call("keep", "remove", key)

    def remove_folder(self, folder: str) -> None:  # docstring inherited
        self._place.call("keep", "remove_folder", folder)


def _check(opt: Any) -> None:
    if not isinstance(opt, Mapping):
        msg = f"a Ray file storage takes a dictionary of options, got {opt!r}"
        raise TypeError(msg)
    if "path" not in opt or not opt.keys() <= OPTIONS:
        msg = (
            "a Ray file storage takes the options path, and remoteArgs and rayInitArgs if need "
            f"be; got {sorted(opt)}"
        )
        raise ValueError(msg)
    if not isinstance(opt["path"], str) or not opt["path"]:
        msg = f"the path of a Ray file storage is that of a folder on its node, got {opt['path']!r}"
        raise TypeError(msg)
    for name in ("remoteArgs", "rayInitArgs"):
        if not isinstance(opt.get(name, {}), Mapping):
            msg = f"{name} of a Ray file storage is a dictionary, got {opt[name]!r}"
            raise TypeError(msg)
    StorageActor.options(**opt.get("remoteArgs", {}))  # Ray refuses what it does not know.
