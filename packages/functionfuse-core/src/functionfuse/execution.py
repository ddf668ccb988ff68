"""Executing one node: the same in the driver, in a worker process and in a container."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any

from functionfuse.arguments import CONTAINER_TYPES, NODE_TYPES, call, holds_node

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Executor

__all__ = ["Awaiter", "execute", "settle"]

_GENERATOR_TYPES = frozenset({GeneratorType, AsyncGeneratorType})
UNSETTLED_TYPES = NODE_TYPES | CONTAINER_TYPES | _GENERATOR_TYPES | {CoroutineType}
"""Types of what a function returned that has to be looked at before it is a result."""


class Awaiter:
    """Awaits what async functions return, all on one event loop of its own.

    The loop runs in this thread, or in one helper thread where this thread's own loop is
    running already, as in a notebook. It is made when it is first needed.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._helper: Executor | None = None

    def __enter__(self) -> Awaiter:
        return self

    def __exit__(self, *error: object) -> None:
        if self._loop is not None:
            self._run(_cancel_all(self._loop))
            self._loop.close()
        if self._helper is not None:
            self._helper.shutdown()

    def wait(self, coroutine: Any) -> Any:
        """Return what a coroutine returns."""
        if self._loop is None:
            self._start()
        return self._run(coroutine)

    def _start(self) -> None:
        import asyncio

        self._loop = asyncio.new_event_loop()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        from concurrent.futures import ThreadPoolExecutor

        self._helper = ThreadPoolExecutor(1, "functionfuse-async")

    def _run(self, coroutine: Any) -> Any:
        run = self._loop.run_until_complete  # type: ignore[union-attr]
        return (
            run(coroutine) if self._helper is None else self._helper.submit(run, coroutine).result()
        )


async def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    """End what async functions left running."""
    import asyncio

    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await loop.shutdown_asyncgens()


def execute(
    func: Callable[..., Any],
    args: tuple[Any, ...] | None,
    kwargs: dict[str, Any] | None,
    values: Sequence[Any],
    awaiter: Awaiter,
) -> Any:
    """Call a node's function with its parents' results and return the node's own.

    Raises
    ------
    TypeError
        If the function returned something that is no result: a node or a generator.
    """
    value = func(*values) if args is None else call(func, args, kwargs, values)
    return settle(value, func, awaiter) if type(value) in UNSETTLED_TYPES else value


def settle(value: Any, func: Callable[..., Any], awaiter: Awaiter) -> Any:
    """Await what an async function returned, and refuse what is no result."""
    if type(value) is CoroutineType:
        value = awaiter.wait(value)
    kind = type(value)
    is_unsettled = kind in NODE_TYPES or (kind in CONTAINER_TYPES and holds_node(value))
    name = getattr(func, "__name__", repr(func))
    if is_unsettled:
        msg = (
            f"{name} returned a node, or a {kind.__name__} with a node in it: a decorated function "
            "called inside another makes a node, not a result; call its plain function there "
            "(f.func), or pass the node as an argument"
        )
        raise TypeError(msg)
    if kind in _GENERATOR_TYPES:
        msg = f"{name} returned a generator, which can be read only once; return a list"
        raise TypeError(msg)
    return value
