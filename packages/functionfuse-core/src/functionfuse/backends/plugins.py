"""Plugins: what prepares the worker of a node before the node runs.

A plugin takes part twice: in the driver, where it may change its own state from node to
node, and in the worker, by the function that it gives.
"""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

__all__ = ["InitializerPlugin", "Plugin", "PluginCollection", "RandomStatePlugin"]

METHODS = ("local_initialize", "remote_initialize")


class Plugin(Protocol):
    """What a plugin is."""

    def local_initialize(self) -> None:
        """Take part in the driver: called at each run for every node, in order of creation.

        Each run works on a copy of the plugin as it was set, so nothing shifts from run to
        run; nodes whose saved results are used are counted, too.
        """

    def remote_initialize(self) -> Callable[[], Any] | None:
        """Return what is called in the worker right before the node, or None.

        It goes to the worker, so it must be possible to pickle it.
        """


class InitializerPlugin:
    """Calls a function in the worker before each node.

    Parameters
    ----------
    func
        Called without arguments.
    """

    def __init__(self, func: Callable[[], Any]) -> None:
        self.func = by_reference(func)

    def local_initialize(self) -> None:  # noqa: D102  docstring inherited
        pass

    def remote_initialize(self) -> Callable[[], Any]:  # noqa: D102  docstring inherited
        return self.func


class RandomStatePlugin:
    """Seeds a random generator before each node, every node with a seed of its own.

    Seeds are consecutive numbers in the order in which the nodes were created, so they are
    the same from run to run and from engine to engine.

    Parameters
    ----------
    min, max
        The least and the greatest seed; after the greatest comes the least.
    seed
        The number before the first node's seed.
    seed_func
        Called in the worker with the node's seed, such as `numpy.random.seed`.

    Examples
    --------
    >>> import random
    >>> plugin = RandomStatePlugin(0, 1000, 42, random.seed)
    """

    def __init__(self, min: int, max: int, seed: int, seed_func: Callable[[int], Any]) -> None:
        if min > max:
            msg = f"the least seed is not above the greatest, got {min} and {max}"
            raise ValueError(msg)
        self.min = min
        self.max = max
        self.seed_func = by_reference(seed_func)
        self.seed = seed

    def local_initialize(self) -> None:  # noqa: D102  docstring inherited
        self.seed += 1
        if not self.min <= self.seed <= self.max:
            self.seed = self.min

    def remote_initialize(self) -> Callable[[], Any]:  # noqa: D102  docstring inherited
        return partial(self.seed_func, self.seed)


class PluginCollection:
    """Several plugins as one; each takes part in the order given.

    Parameters
    ----------
    plugins
        The plugins.
    """

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.plugins = list(plugins)
        for plugin in self.plugins:
            check_plugin(plugin)

    def local_initialize(self) -> None:  # noqa: D102  docstring inherited
        for plugin in self.plugins:
            plugin.local_initialize()

    def remote_initialize(self) -> Callable[[], Any]:  # noqa: D102  docstring inherited
        functions = [plugin.remote_initialize() for plugin in self.plugins]
        return partial(_call_all, [function for function in functions if function is not None])


def check_plugin(plugin: Plugin) -> None:
    """Raise TypeError unless an object has the methods of a plugin."""
    missing = [name for name in METHODS if not callable(getattr(plugin, name, None))]
    if missing or isinstance(plugin, type):
        msg = f"a plugin is an object with the methods {' and '.join(METHODS)}, got {plugin!r}" + (
            f" without {' and '.join(missing)}" if missing else ", which is a class"
        )
        raise TypeError(msg)


def initialize_plugins(plugins: Mapping[int, Plugin]) -> dict[int, Callable[[], Any]]:
    """Call the plugins' part in the driver; return what each node's worker calls.

    Parameters
    ----------
    plugins
        The plugin of each node, by the node's position.
    """
    copies: dict[int, Plugin] = {}
    initializers = {}
    for position in sorted(plugins):
        original = plugins[position]
        if id(original) not in copies:
            copies[id(original)] = copy.deepcopy(original)
        plugin = copies[id(original)]
        plugin.local_initialize()
        function = plugin.remote_initialize()
        if function is not None:
            initializers[position] = function
    return initializers


class _ModuleMethod:
    """A function of a module that is in truth a method of an object hidden in there.

    `random.seed` and `numpy.random.seed` are such. Copied or pickled as they are, they
    would seed a copy of the module's generator.
    """

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module(self.module), self.name)(*args, **kwargs)


def by_reference(func: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that, copied or pickled, still acts on its module's own state.

    Raises
    ------
    TypeError
        If it can't be called.
    """
    if not callable(func):
        msg = f"a plugin is given a function, got {func!r} of type {type(func).__name__}"
        raise TypeError(msg)
    if isinstance(func, partial):
        return partial(by_reference(func.func), *func.args, **func.keywords)
    module = type(getattr(func, "__self__", None)).__module__
    name = getattr(func, "__name__", "")
    is_hidden = getattr(sys.modules.get(module), name, None) == func
    return _ModuleMethod(module, name) if is_hidden and module != "builtins" else func


def _call_all(functions: list[Callable[[], Any]]) -> None:
    for function in functions:
        function()
