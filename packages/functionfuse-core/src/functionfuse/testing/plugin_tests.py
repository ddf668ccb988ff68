"""Plugins: seeds and initializers, the same on every backend."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest

from functionfuse.backends.plugins import InitializerPlugin, PluginCollection, RandomStatePlugin
from functionfuse.testing.functions import Account, draw, read_environment, set_environment

__all__ = ["PluginTests"]


class PluginTests:
    """Point 12 of what a run means."""

    def test_each_node_has_its_own_seed_the_same_from_run_to_run(self, backend: Any) -> None:
        w = backend.make(draw(0), draw(1), draw(2))
        w.set_plugin(".*", RandomStatePlugin(0, 10**9, 42, random.seed))
        first = backend.run(w)
        assert len(set(first)) == 3
        assert backend.run(w) == first
        assert first == [random.Random(seed).random() for seed in (43, 44, 45)]

    def test_seeds_stay_between_the_least_and_the_greatest(self, backend: Any) -> None:
        w = backend.make(*map(draw, range(4)))
        w.set_plugin(".*", RandomStatePlugin(5, 7, 6, random.seed))
        assert backend.run(w) == [random.Random(seed).random() for seed in (7, 5, 6, 7)]

    def test_seeds_do_not_shift_when_nodes_are_loaded(self, backend: Any, storage: Any) -> None:
        def build() -> Any:
            w = backend.make(*(draw(i).set_name(f"draw {i}") for i in range(3)))
            w.set_storage(storage)
            w.query("draw.*").set_plugin(RandomStatePlugin(0, 10**9, 7, random.seed))
            return w

        first = backend.run(build())
        storage.remove_task("conformance", "draw 2")
        assert backend.run(build()) == first

    def test_the_function_runs_in_the_worker_before_the_node(self, backend: Any) -> None:
        w = backend.make(read_environment("FUNCTIONFUSE_TEST"))
        w.set_plugin(".*", InitializerPlugin(partial(set_environment, "FUNCTIONFUSE_TEST", "on")))
        assert backend.run(w) == "on"

    def test_the_last_plugin_set_wins(self, backend: Any) -> None:
        node = read_environment("FUNCTIONFUSE_TEST").set_name("node")
        w = backend.make(node)
        for value in ("first", "last"):
            plugin = InitializerPlugin(partial(set_environment, "FUNCTIONFUSE_TEST", value))
            w.set_plugin("node", plugin)
        assert backend.run(w) == "last"

    def test_a_collection_takes_part_in_order(self, backend: Any) -> None:
        names = ("FUNCTIONFUSE_TEST", "FUNCTIONFUSE_TEST_2")
        plugins: list[Any] = [
            InitializerPlugin(partial(set_environment, names[0], "first")),
            RandomStatePlugin(3, 3, 1, partial(set_environment, names[0])),
        ]
        w = backend.make(read_environment(names[0]))
        w.set_plugin(".*", PluginCollection(plugins))
        assert backend.run(w) == "3"

    def test_plugins_prepare_calls_on_instances(self, backend: Any) -> None:
        backend.needs("stateful")
        account: Any = Account(0)
        calls = [account.draw(), account.draw()]
        w = backend.make(*calls)
        w.set_plugin(r"Account\.draw.*", RandomStatePlugin(0, 10**9, 1, random.seed))
        first = backend.run(w)
        assert first[0] != first[1]
        assert backend.run(w) == first

    @pytest.mark.parametrize("plugin", [None, 3, object(), RandomStatePlugin], ids=repr)
    def test_what_is_no_plugin_is_refused(self, backend: Any, plugin: Any) -> None:
        with pytest.raises(TypeError, match="local_initialize and remote_initialize"):
            backend.make(draw(0)).set_plugin(".*", plugin)
