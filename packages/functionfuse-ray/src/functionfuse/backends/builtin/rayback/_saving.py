"""Saving results on a cluster, where they are, in processes beside those of the nodes."""

from __future__ import annotations

from itertools import count
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from functionfuse.errors import WorkersLostError
from functionfuse.storage.base import Storage
from functionfuse.storage.index import Saved
from functionfuse.storage.rayfilestorage import FileStorage
from functionfuse.worker import Destination, Outcome

__all__ = ["SUBMITTED_SAVES", "Saver"]

SAVES_AT_ONCE = 4
"""How many results a process saves at once, in threads."""

CPUS_PER_PROCESS = 8
"""For so many CPUs of a machine it has a process that saves."""

SUBMITTED_SAVES = 1000
"""How many may wait for that: their results stay in Ray's object store."""


class Saver:
    """Saves results where they are, or has the storage's own actor do so.

    Parameters
    ----------
    storage
        Where to.
    """

    def __init__(self, storage: Storage) -> None:
        self._actor_storage = storage if isinstance(storage, FileStorage) else None
        self._processes: dict[str, int] = {}
        self._turns = count()

    def save(self, destination: Destination, value: Any, outcome: Outcome, machine: str) -> Any:
        """Save a result; return the reference of what is then known of it.

        Parameters
        ----------
        destination
            What the node's result is saved under.
        value
            The reference of the result.
        outcome
            What its worker told.
        machine
            Ray's id of the node where the result is.
        """
        name = f"save {destination.name}"
        if self._actor_storage is None:
            save = self._saving_actor(machine).save.options(name=name)
            return save.remote(destination, value, outcome)
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
        if not isinstance(error, RayActorError):
            return False
        if self._actor_storage is None:
            _actors.clear()
        else:
            self._actor_storage.forget_actor()
        return True

    def explain(self, error: BaseException) -> BaseException:
        """Return what a user can make of a failure to save."""
        if not isinstance(error, RayActorError):
            return error
        if self._actor_storage is not None:
            return self._actor_storage.loss(error)
        return WorkersLostError(f"the process that saves results died, twice: {error}")

    def _saving_actor(self, machine: str) -> Any:
        if machine not in self._processes:
            self._processes = {node["NodeID"]: _process_count(node) for node in ray.nodes()}
        number = next(self._turns) % self._processes.get(machine, 1)
        key = ray.get_runtime_context().get_job_id(), machine, number
        if key not in _actors:
            place = NodeAffinitySchedulingStrategy(machine, soft=True)
            _actors[key] = _SavingActor.options(
                num_cpus=0, max_concurrency=SAVES_AT_ONCE, scheduling_strategy=place
            ).remote()
        return _actors[key]


def _process_count(node: dict[str, Any]) -> int:
    return 1 + int(node["Resources"].get("CPU", 0)) // CPUS_PER_PROCESS


class _Saving:
    """Saves what is made on a machine: a process for each save would take longer to start."""

    def save(self, destination: Destination, value: Any, outcome: Outcome) -> Saved:
        """Save a result."""
        _, saved = destination.save(value, outcome.started, outcome.duration)
        return saved


_actors: dict[tuple[str, str, int], Any] = {}
"""By Ray's job, which they end with, machine and number on it: starting one takes longer than
most runs of small nodes."""

# Of type Any: what Ray makes of classes has no types.
_SavingActor: Any = ray.remote(_Saving)
