"""Ray itself: starting it, telling one cluster from another, what its nodes offer."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

import ray

from functionfuse.errors import warn

__all__ = ["RayArgumentsWarning", "has_node_with", "session", "start_ray"]

PROBE_TIMEOUT_S = 5.0

_started: dict[tuple[str, str], dict[str, Any]] = {}
"""With which arguments `start_ray` started Ray, by session: Ray itself doesn't tell."""


class RayArgumentsWarning(UserWarning):
    """Ray runs already, and not with the arguments that were given."""


def start_ray(init_args: Mapping[str, Any]) -> None:
    """Start Ray, or connect to a cluster; if this process has done so already, use that.

    Parameters
    ----------
    init_args
        Arguments of `ray.init`.

    Raises
    ------
    TypeError
        If they are no dictionary.
    ConnectionError
        If nobody answers at the address.
    """
    if not isinstance(init_args, Mapping):
        msg = f"arguments of ray.init are a dictionary, got {init_args!r}"
        raise TypeError(msg)
    if not ray.is_initialized():
        _probe(init_args.get("address") or os.environ.get("RAY_ADDRESS"))
        ray.init(**init_args)
        _started[session()] = dict(init_args)
    elif init_args and init_args != _started.get(session()):
        warn(
            "Ray runs already and is used as it is, without the arguments "
            f"{sorted(init_args)}: give them to the first that starts it, or call ray.shutdown()",
            RayArgumentsWarning,
        )


def session() -> tuple[str, str]:
    """Return what tells this connection to a cluster from any other."""
    context = ray.get_runtime_context()
    return context.get_node_id(), context.get_job_id()


def has_node_with(remote_args: Mapping[str, Any]) -> bool:
    """Tell whether some node has, in all, the resources that a task or actor asks for."""
    wanted = dict(remote_args.get("resources") or {})
    for option, resource in (("num_cpus", "CPU"), ("num_gpus", "GPU"), ("memory", "memory")):
        wanted[resource] = remote_args.get(option) or 0
    return any(
        all(node["Resources"].get(name, 0) >= amount for name, amount in wanted.items())
        for node in ray.nodes()
        if node["Alive"]
    )


def _probe(address: str | None) -> None:
    """Refuse an address where nobody listens, which Ray would try for half a minute."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return  # "auto", "local" and the like: Ray answers at once.
    try:
        socket.create_connection((host.strip("[]"), int(port)), PROBE_TIMEOUT_S).close()
    except OSError as error:
        msg = (
            f"no Ray cluster answers at {address!r} ({error}): start one (ray start --head), or "
            "leave the address out to start Ray on this machine"
        )
        raise ConnectionError(msg) from error
