"""Who starts Ray, with which arguments, and what is said when that can't be."""

from __future__ import annotations

import socket
import time
import warnings

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.rayback import RayWorkflow
from functionfuse.storage.rayfilestorage import FileStorage
from ray_apart import run_script

IN_SECONDS_S = 15.0
"""Ray itself would try for half a minute and more."""

# First the tests without Ray: once it runs in this process, it runs for the others.


@workflow
def one():
    return 1


def make(**options):
    return RayWorkflow(one(), workflow_name="starting", **options)


@pytest.fixture
def dead_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_a_dead_address_is_an_error_in_seconds(dead_address):
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=dead_address):
        make(ray_init_args={"address": dead_address})
    with pytest.raises(ConnectionError, match=dead_address):
        FileStorage({"path": "x", "rayInitArgs": {"address": dead_address}})
    assert time.monotonic() - start < IN_SECONDS_S


def test_a_dead_address_in_the_environment_is_an_error_in_seconds(dead_address, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", dead_address)
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=dead_address):
        make()
    assert time.monotonic() - start < IN_SECONDS_S


def test_ray_is_started_with_the_given_arguments_which_may_be_given_again(tmp_path):
    script = """
        import warnings
        import ray
        from functionfuse import workflow
        from functionfuse.backends.builtin.rayback import RayWorkflow
        from functionfuse.storage.rayfilestorage import FileStorage
        from ray_apart import QUIET

        warnings.simplefilter("error")
        args = {"num_cpus": 3, "resources": {"_disk": 2}, "object_store_memory": 80 << 20, **QUIET}
        one = workflow(lambda: 1)()
        w = RayWorkflow(one, workflow_name="w", ray_init_args=args)
        resources = ray.cluster_resources()
        print(resources["CPU"], resources["_disk"], resources["object_store_memory"])
        FileStorage({"path": "results", "rayInitArgs": args})
        RayWorkflow(one, workflow_name="w", ray_init_args=dict(args))
        try:
            RayWorkflow(one, workflow_name="w", ray_init_args={"num_cpus": 7})
        except UserWarning as warning:
            print("num_cpus" in str(warning))
        ray.shutdown()
        print(w.run(return_results=True))  # It starts Ray again, as it was made.
        print(ray.cluster_resources()["CPU"])
        """
    output = run_script(tmp_path, script).split()
    assert output == ["3.0", "2.0", str(float(80 << 20)), "True", "1", "3.0"]


def test_a_running_ray_is_used_with_a_warning_if_other_arguments_are_given(ray):
    with pytest.warns(UserWarning, match=r"runs already.*\['num_cpus'\]") as caught:
        w = make(ray_init_args={"num_cpus": 50})
    assert caught[0].filename == __file__
    assert w.run(return_results=True) == 1
    assert ray.cluster_resources()["CPU"] == 2


def test_a_running_ray_is_used_without_a_word_if_no_arguments_are_given(ray):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert make().run(return_results=True) == 1


def test_init_arguments_that_are_no_dictionary_are_refused(ray):
    with pytest.raises(TypeError, match=r"ray\.init are a dictionary"):
        make(ray_init_args=["num_cpus"])
