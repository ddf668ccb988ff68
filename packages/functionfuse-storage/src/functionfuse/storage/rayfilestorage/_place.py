"""The place of a storage on a cluster, reached from any process."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError

from functionfuse.errors import UnreachableStorageError
from functionfuse.storage.filestorage import FileStorage
from functionfuse.storage.rayfilestorage._actor import StorageActor
from functionfuse.storage.rayfilestorage._cluster import has_node_with, session, start_ray

__all__ = ["Place"]

START_TIMEOUT_S = 60.0
"""A process starts in seconds; one that can't was not given the resources."""

START_TRIES = 4
START_PAUSE_S = 0.5


class Place:
    """A folder on the one node of a Ray cluster that some options of Ray point to.

    All work is done by an actor there, one for each job of Ray: the first handle that
    needs it starts it, the others find it by its name. The results are in files, so an
    actor that died is simply started again.

    Parameters
    ----------
    path
        The folder, on that node.
    remote_args
        Options of `ray.remote` for the actor.
    init_args
        Arguments of `ray.init`, for processes in which Ray does not run; None where it is
        somebody else's to start.
    """

    def __init__(
        self, path: str, remote_args: Mapping[str, Any], init_args: Mapping[str, Any] | None
    ) -> None:
        self.path = path
        self.remote_args = dict(remote_args)
        self.init_args = init_args
        self._actor: Any = None
        self._session: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_actor": None, "_session": None}

    def __str__(self) -> str:
        return f"{self.path!r} on the Ray node with {self.remote_args}"

    def actor(self) -> Any:
        """Return the handle of the actor, which is started if need be.

        Raises
        ------
        UnreachableStorageError
            If no node of the cluster offers the resources.
        RuntimeError
            If Ray does not run in this process, and how to start it is not known.
        """
        if not ray.is_initialized():
            self._start_ray()
        if self._actor is None or self._session != session():
            self._actor = self._find_living()
            self._session = session()
        return self._actor

    def forget_actor(self) -> None:
        """Start the actor again when it is needed: it has died, perhaps with who started it."""
        self._actor = None

    def _start_ray(self) -> None:
        if self.init_args is None:
            msg = (
                f"the storage {self} needs Ray, which does not run in this process: make the "
                "RayWorkflow first, call ray.init(), or give the storage rayInitArgs"
            )
            raise RuntimeError(msg)
        start_ray(self.init_args)

    def call(self, method: str, *args: Any) -> Any:
        """Call a method of the actor and wait for the result.

        Raises
        ------
        UnreachableStorageError
            If the node is gone.
        Exception
            What the method raised.
        """
        try:
            return self._ask(method, *args)
        except RayActorError:
            self.forget_actor()
        try:
            return self._ask(method, *args)
        except RayActorError as error:
            raise self.loss(error) from error

    def _ask(self, method: str, *args: Any) -> Any:
        try:
            return ray.get(getattr(self.actor(), method).remote(*args))
        except RayTaskError as error:
            raise getattr(error, "cause", None) or error from error

    def loss(self, error: Exception) -> UnreachableStorageError:
        """Return what tells a user that the node is gone."""
        msg = (
            f"the storage {self} is lost: its node or process ended or can't be reached "
            f"({type(error).__name__}); what was saved is still on its disk, and is found when "
            "a node with these resources and this disk joins the cluster"
        )
        return UnreachableStorageError(msg)

    def _find_living(self) -> Any:
        """Find or start the actor, also when it was, or is sent, where a node has just died."""
        for _ in range(START_TRIES - 1):
            try:
                return self._find_or_start()
            except RayActorError:
                time.sleep(START_PAUSE_S)  # Ray needs a moment to forget its name.
        return self._find_or_start()

    def _find_or_start(self) -> Any:
        if not has_node_with(self.remote_args):
            offered = sorted(ray.cluster_resources())
            msg = (
                f"no node of the Ray cluster offers {self.remote_args}, so the storage in "
                f"{self.path!r} has no place; offered are {', '.join(offered)}; start a node "
                "with it, as in ray start --resources '{\"_disk\": 1}', or change remoteArgs; "
                "what is saved on a disk is found when its node joins again"
            )
            raise UnreachableStorageError(msg)
        options = {"name": self._actor_name(), "get_if_exists": True, **self.remote_args}
        actor = StorageActor.options(**options).remote(partial(FileStorage, self.path))
        try:
            ray.get(actor.folds_case.remote(), timeout=START_TIMEOUT_S)
        except GetTimeoutError as error:
            msg = (
                f"no node of the Ray cluster had {self.remote_args} free within "
                f"{START_TIMEOUT_S:.0f} s, so the storage in {self.path!r} has no place; ask "
                "for less of the resource, such as 0.001, since each job takes as much"
            )
            raise UnreachableStorageError(msg) from error
        return actor

    def _actor_name(self) -> str:
        where = json.dumps([self.path, self.remote_args], sort_keys=True, default=repr)
        digest = hashlib.blake2b(where.encode(), digest_size=16).hexdigest()
        return f"functionfuse storage {digest} of job {session()[1]}"
