"""Saving results on a cluster, beside the nodes: it takes no CPU and nobody waits for it."""

from __future__ import annotations

from typing import Any

import ray
from ray.exceptions import RayActorError

from functionfuse.storage.base import Storage
from functionfuse.storage.index import Saved
from functionfuse.storage.rayfilestorage import FileStorage
from functionfuse.worker import Destination, Outcome

__all__ = ["Saver"]

SAVES_PER_CPU = 2
"""Tasks that ask for no CPU would start any number of processes at once."""


class Saver:
    """Saves results where they are, or has the storage's own actor do so.

    Parameters
    ----------
    storage
        Where to.
    """

    def __init__(self, storage: Storage) -> None:
        self._actor_storage = storage if isinstance(storage, FileStorage) else None

    def limit(self) -> int:
        """Return how many saves may go on at once."""
        if self._actor_storage is not None:
            return 1000  # They queue for the actor's few threads.
        return int(SAVES_PER_CPU * max(1, ray.cluster_resources().get("CPU", 1)))

    def save(self, destination: Destination, value: Any, outcome: Outcome) -> Any:
        """Save a result; return the reference of what is then known of it.

        Parameters
        ----------
        destination
            What the node's result is saved under.
        value
            The reference of the result.
        outcome
            What its worker told.
        """
        name = f"save {destination.name}"
        if self._actor_storage is None:
            return _save.options(name=name).remote(destination, value, outcome)
        actor = self._actor_storage.actor()
        return actor.call.options(name=name).remote(
            "save",
            destination.workflow_name,
            destination.name,
            value,
            fingerprint=destination.fingerprint,
            started=outcome.started,
            duration=outcome.duration,
        )

    def can_try_again(self, error: BaseException) -> bool:
        """Tell whether another try may save what failed; it will be in a process of its own."""
        if self._actor_storage is None or not isinstance(error, RayActorError):
            return False
        self._actor_storage.forget_actor()
        return True

    def explain(self, error: BaseException) -> BaseException:
        """Return what a user can make of a failure to save."""
        if isinstance(error, RayActorError) and self._actor_storage is not None:
            return self._actor_storage.loss(error)
        return error


@ray.remote(num_cpus=0)
def _save(destination: Destination, value: Any, outcome: Outcome) -> Saved:
    """Save a result; Ray runs this near a large one."""
    _, saved = destination.save(value, outcome.started, outcome.duration)
    return saved
