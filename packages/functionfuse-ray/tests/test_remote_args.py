"""Options of Ray for nodes: which are taken, and what they do."""

from __future__ import annotations

import os
import signal

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.rayback import RayWorkflow
from functionfuse.errors import NodeError, notes
from functionfuse.testing.functions import Account, keep

pytestmark = pytest.mark.usefixtures("ray")


class FlakyError(Exception):
    """What is worth another try."""


@workflow
def flaky(path, error, failures=2):
    """Fail some times, counted in a file, then return how often it was tried."""
    with path.open("a") as file:
        file.write("x")
    tries = path.stat().st_size
    if tries <= failures:
        raise error(f"try {tries}")
    return tries


@workflow
def die_once(path):
    """Have this worker killed, the first time."""
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@workflow
def die():
    os.kill(os.getpid(), signal.SIGKILL)


@workflow
def environment(name):
    return os.environ.get(name)


@workflow
def assigned():
    import ray

    return ray.get_runtime_context().get_assigned_resources()


@workflow
class Counter:
    def __init__(self):
        self.count = 0

    def add(self, amount):
        self.count += amount
        return self.count

    def die_once(self, path):
        die_once.func(path)

    def assigned(self):
        import ray

        return ray.get_runtime_context().get_assigned_resources()


def run(*nodes, pattern=".*", args=None, **options):
    w = RayWorkflow(*nodes, workflow_name="options")
    w.query(pattern).set_remote_args(args or {})
    return w.run(return_results=True, **options)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ({"num_cpu": 1}, ValueError, "num_cpu"),
        ({"num_cpus": -1}, ValueError, "num_cpus"),
        ({"num_cpus": "two"}, TypeError, "num_cpus"),
        ({"resources": [1]}, TypeError, "resources"),
        ({"max_retries": -7}, ValueError, "max_retries"),
        ({"num_returns": 3}, ValueError, "'num_returns' is not an option for nodes"),
        ({"max_restarts": 1}, ValueError, "max_restarts"),
        (None, TypeError, "dictionary"),
        ([("num_cpus", 1)], TypeError, "dictionary"),
    ],
    ids=repr,
)
def test_what_ray_does_not_take_is_refused_at_once(args, error, message):
    w = RayWorkflow(keep(1), workflow_name="options")
    with pytest.raises(error, match=message):
        w.query().set_remote_args(args)
    assert w.remote_args == {}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"max_retries": 1}, "max_retries"),
        ({"retry_exceptions": True}, "retry_exceptions"),
        ({"get_if_exists": True}, "every run makes its own instances"),
    ],
    ids=repr,
)
def test_what_actors_do_not_take_is_refused_for_constructions(args, message):
    w = RayWorkflow(Account(1).deposit(1), workflow_name="options")
    with pytest.raises(ValueError, match=message):
        w.query("Account_0000").set_remote_args(args)


def test_options_of_a_call_alone_are_refused_naming_its_construction():
    account = Account(1)
    account.set_name("account")
    w = RayWorkflow(account.deposit(1).set_name("deposit"), workflow_name="options")
    with pytest.raises(ValueError, match=r"'deposit' is a call.*construction, 'account'"):
        w.query("deposit").set_remote_args({"num_cpus": 1})
    w.query().set_remote_args({"num_cpus": 1})
    assert w.run(return_results=True) == 2


def test_options_reach_tasks():
    resources = run(assigned(), args={"num_cpus": 1, "resources": {"_model": 0.5}})
    assert resources == {"CPU": 1.0, "_model": 0.5}


def test_options_reach_instances():
    counter = Counter()
    resources = run(counter.assigned(), args={"num_cpus": 2, "resources": {"_disk": 0.25}})
    assert resources == {"CPU": 2.0, "_disk": 0.25}


def test_the_options_set_last_replace_those_before():
    w = RayWorkflow(assigned(), workflow_name="options")
    w.query().set_remote_args({"resources": {"_model": 0.5}})
    w.query().set_remote_args({"num_cpus": 2})
    assert w.run(return_results=True) == {"CPU": 2.0}


def test_a_runtime_environment_reaches_its_nodes_only():
    nodes = [environment("FUNCTIONFUSE_OPTION").set_name(name) for name in ("with", "without")]
    args = {"runtime_env": {"env_vars": {"FUNCTIONFUSE_OPTION": "on"}}}
    assert run(*nodes, pattern="with", args=args) == ["on", None]


@pytest.mark.parametrize("which", [True, [FlakyError]], ids=["all", "listed"])
def test_exceptions_are_retried_as_the_options_say(tmp_path, which):
    args = {"max_retries": 3, "retry_exceptions": which}
    assert run(flaky(tmp_path / "tries", FlakyError), args=args) == 3


@pytest.mark.parametrize(
    ("args", "tries"),
    [
        ({}, 1),
        ({"max_retries": 1, "retry_exceptions": True}, 2),
        ({"max_retries": 3, "retry_exceptions": [ValueError]}, 1),
    ],
    ids=repr,
)
def test_exceptions_are_retried_no_oftener(tmp_path, args, tries):
    with pytest.raises(FlakyError, match=f"try {tries}"):
        run(flaky(tmp_path / "tries", FlakyError), args=args)
    assert (tmp_path / "tries").stat().st_size == tries


def test_a_node_whose_worker_was_killed_is_retried(tmp_path):
    assert run(keep(die_once(tmp_path / "died"))) == "survived"


def test_a_node_whose_workers_are_always_killed_is_an_error_naming_it():
    with pytest.raises(Exception, match="died") as caught:
        run(die().set_name("doomed"), args={"max_retries": 0})
    assert any("'doomed'" in note for note in notes(caught.value))


def test_an_instance_whose_worker_was_killed_is_an_error(tmp_path):
    counter = Counter()
    calls = counter.add(1), counter.die_once(tmp_path / "died").set_name("deadly"), counter.add(1)
    with pytest.raises(Exception, match="died") as caught:
        run(*calls)
    assert any("'deadly'" in note for note in notes(caught.value))


def test_a_restarted_instance_never_passes_for_the_first(tmp_path):
    """Ray would restart the worker; the counter in it would begin anew."""
    counter = Counter()
    calls = counter.add(1), counter.die_once(tmp_path / "died"), counter.add(1)
    with pytest.raises(NodeError, match="instance is lost"):
        run(*calls, args={"max_restarts": 1, "max_task_retries": 1})
