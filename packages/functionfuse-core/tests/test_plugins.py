"""Plugins by themselves; what they mean in a run is in the conformance suite."""

from __future__ import annotations

import copy
import pickle
import random
from functools import partial

import numpy
import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.backends.plugins import InitializerPlugin, PluginCollection, RandomStatePlugin


@pytest.mark.parametrize("seed", [random.seed, numpy.random.seed], ids=["random", "numpy"])
@pytest.mark.parametrize("travel", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_a_copied_plugin_still_seeds_the_module_s_own_generator(seed, travel):
    draw = random.random if seed is random.seed else numpy.random.random
    plugin = travel(RandomStatePlugin(0, 100, 41, seed))
    plugin.local_initialize()
    pickle.loads(pickle.dumps(plugin.remote_initialize()))()
    drawn = draw()
    seed(42)
    assert draw() == drawn


def test_an_initializer_with_arguments_acts_on_the_module_too():
    plugin = copy.deepcopy(InitializerPlugin(partial(random.seed, 7)))
    plugin.remote_initialize()()
    assert random.random() == random.Random(7).random()


def test_methods_of_the_user_s_objects_stay_what_they_are():
    generator = random.Random(1)
    plugin = RandomStatePlugin(0, 9, 3, generator.seed)
    assert plugin.seed_func == generator.seed


def test_a_least_seed_above_the_greatest_is_refused():
    with pytest.raises(ValueError, match="10 and 5"):
        RandomStatePlugin(10, 5, 0, random.seed)


def test_a_collection_refuses_what_is_no_plugin():
    with pytest.raises(TypeError, match="local_initialize"):
        PluginCollection([InitializerPlugin(print), 3])


class Counting:
    """A plugin that keeps count in the driver and does nothing in workers."""

    def __init__(self):
        self.count = 0

    def local_initialize(self):
        self.count += 1

    def remote_initialize(self):
        return None


def test_runs_work_on_copies_of_a_plugin():
    plugin = Counting()
    node = workflow(lambda: 1)()
    w = LocalWorkflow(node, workflow_name="w")
    w.set_plugin(".*", plugin)
    assert [w.run(), w.run()] == [1, 1]
    assert plugin.count == 0


def test_setting_a_plugin_on_a_query_returns_the_query():
    query = LocalWorkflow(workflow(lambda: 1)(), workflow_name="w").query()
    assert query.set_plugin(Counting()) is query
