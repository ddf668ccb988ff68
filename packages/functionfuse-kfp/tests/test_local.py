"""Containers of this machine: failures, options, and Ctrl-C."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
import traceback
from textwrap import dedent

import pytest

from functionfuse import workflow
from functionfuse.backends.addons.kfpback import KFPWorkflow
from functionfuse.errors import DamagedResultWarning, NodeError, notes
from functionfuse.run import Run
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import require
from functionfuse.testing.functions import Account, CustomError, add, fail, keep, token
from functionfuse.testing.graph_tests import states
from functionfuse.testing.reuse_tests import damage_result

require("docker")

STEPS = """
    import os
    import time
    from pathlib import Path

    from functionfuse import workflow
    from functionfuse.testing.functions import CustomError

    @workflow
    def say(text):
        print("printed ", end="", flush=True)
        time.sleep(0.05)
        print(text)
        return text

    @workflow
    def leave(code):
        print("about to leave", flush=True)
        os._exit(code)

    @workflow
    def write(path, text):
        Path(path).write_text(text)
        return os.getuid()

    @workflow
    def try_until(path, tries):
        with open(path, "a") as file:
            file.write("x")
        if Path(path).stat().st_size < tries:
            raise CustomError(1, "not yet")
        return Path(path).read_text()

    @workflow
    def sleep(seconds):
        time.sleep(seconds)

    @workflow
    def read(*names):
        return [os.environ.get(name) for name in names]
"""


@pytest.fixture
def steps(project):
    return project(STEPS)


@pytest.fixture
def make(base_image, project):
    def make(*nodes, storage=None, task_args=None):
        w = KFPWorkflow(*nodes, workflow_name="conformance", baseimage=base_image)
        if storage is not None:
            w.set_storage(storage)
        w.query().set_task_args(task_args or {})
        return w

    return make


@pytest.fixture
def storage(tmp_path):
    (tmp_path / "storage").mkdir()
    return FileStorage(tmp_path / "storage")


def test_functions_that_can_not_be_imported_are_sent(make):
    words = ["a", "b"]

    @workflow
    def join(text, sep=lambda: "-"):
        return sep().join([text, *words])

    upper = workflow(lambda text: text.upper())
    assert make(join(upper("x"))).run(local=True) == "X-a-b"
    words.append("c")
    assert make(join(upper("x"))).run(local=True) == "X-a-b-c"


def test_a_container_that_ends_early_says_what_it_said(make, steps, containers):
    """Both nodes fail; the first failure is raised, and the other is told."""
    nodes = [steps.leave(9).set_name("leaver"), steps.leave(137).set_name("killed")]
    w = make(*nodes)
    with pytest.raises(NodeError, match=r"container of '(leaver|killed)'") as caught:
        w.run(local=True, on_error="continue")
    assert any("failed too" in note for note in notes(caught.value))
    assert states(w) == {"leaver": "failed", "killed": "failed"}
    for node, code, said in (
        (steps.leave(9).set_name("it"), "9", "about to leave"),
        (steps.leave(137).set_name("it"), r"137 \(it was killed", "about to leave"),
    ):
        sentence = rf"(?s)container of 'it' ended with code {code}.*{said}"
        with pytest.raises(NodeError, match=sentence):
            make(node).run(local=True)
    assert not containers()


def test_retries_run_a_container_again(make, steps, storage, tmp_path):
    path = str(tmp_path / "storage" / "tries")
    node = steps.try_until(path, 3).set_name("node")
    with pytest.raises(CustomError):
        make(node, storage=storage, task_args={"retries": 1}).run(local=True)
    assert make(node, storage=storage, task_args={"retries": 1}).run(local=True) == "xxx"
    assert storage.read_task("conformance", "node") == "xxx"


def test_options_hold_in_containers(make, steps, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "nowhere")
    w = make(steps.read("TEXT", "AWS_REGION"))
    w.query().set_task_args({"env": {"TEXT": "a $(b) {{c}}"}, "cpu_limit": "500m"})
    assert w.run(local=True) == ["a $(b) {{c}}", None]


def test_a_container_that_takes_too_long_is_ended(make, steps, containers):
    node = steps.sleep(30).set_name("sleeper")
    with pytest.raises(NodeError, match=r"(?s)'sleeper'.*its timeout of 1s? s"):
        make(node, task_args={"timeout": 1}).run(local=True)
    assert not containers()


def test_what_nodes_print_is_shown(make, steps, caplog, capfd):
    make(steps.say("seen").set_name("speaker")).run(local=True)
    assert "[speaker] printed seen" in capfd.readouterr().err
    caplog.set_level(logging.INFO, "functionfuse.kfp")
    make(steps.say("logged").set_name("speaker")).run(local=True)
    assert "[speaker] printed logged" in caplog.messages
    assert not capfd.readouterr().err


def test_what_is_written_is_the_users(make, steps, storage, tmp_path):
    written = tmp_path / "storage" / "written"
    w = make(steps.write(str(written), "text").set_name("writer"), storage=storage)
    assert w.run(local=True) == os.getuid()
    assert written.read_text() == "text"
    paths = [tmp_path, *tmp_path.rglob("*")]
    assert {path.stat().st_uid for path in paths} == {os.getuid()}
    assert [path.name for path in (tmp_path / "project").iterdir()] == ["steps.py"]


def test_a_damaged_result_is_computed_again(make, storage, caplog):
    """a (skipped, until b turns out damaged) ─► b ─► c (removed)."""
    a = keep(4).set_name("a")
    b = add(a, 1).set_name("b")
    w = make(add(b, 1).set_name("c"), storage=storage)
    w.run(local=True)
    storage.remove_task("conformance", "c")
    damage_result(storage, "b", "flipped")
    with pytest.warns(DamagedResultWarning, match="'b'"):
        assert w.run(local=True) == 6
    assert states(w)["b"] == "executed"


def test_a_failure_has_its_containers_traceback(make, storage):
    below = keep(fail(token().set_name("before")).set_name("broken")).set_name("below")
    w = make(below, storage=storage)
    with pytest.raises(CustomError) as caught:
        w.run(local=True)
    assert caught.value.code == 1
    assert any("'broken'" in note for note in notes(caught.value))
    shown = "".join(traceback.format_exception(caught.value))
    assert 'raise CustomError(len(inputs), "on purpose")' in shown
    assert storage.list_tasks("conformance", "*") == ["before"]


def test_an_error_whose_class_is_not_here_arrives_as_text(make, project, tmp_path, monkeypatch):
    (tmp_path / "project" / "absent.py").write_text(
        dedent("""
            class StrangeError(Exception):
                pass

            def fail():
                raise StrangeError("on purpose")
        """)
    )
    steps = project("""
        from functionfuse import workflow

        @workflow
        def call():
            import absent
            absent.fail()
    """)
    monkeypatch.setitem(sys.modules, "absent", None)
    with pytest.raises(NodeError, match=r"absent\.StrangeError: on purpose") as caught:
        make(steps.call().set_name("broken")).run(local=True)
    assert any("'broken'" in note for note in notes(caught.value))
    shown = "".join(traceback.format_exception(caught.value))
    assert 'raise StrangeError("on purpose")' in shown


def test_options_of_a_call_that_shares_its_instances_container_are_told(make):
    account = Account(1).set_name("account")
    w = make(account.deposit(1).set_name("call"), keep(1).set_name("other"))
    w.query("other").set_task_args({"retries": 1})
    w.query("account").set_task_args({"env": {"A": "b"}})
    w.query("call").set_task_args({"retries": 2})
    sentence = "set_task_args set for 'call' have no effect: .* container with 'account'"
    with pytest.warns(UserWarning, match=sentence):
        assert w.run(local=True) == [2, 1]


def test_progress_shows_what_runs_and_what_is_done(make, steps, capfd):
    nodes = [steps.say(f"text {i}").set_name(f"say {i}") for i in range(3)]
    w = make(*nodes)
    assert w.run(local=True, progress=True) == ["text 0", "text 1", "text 2"]
    assert re.search(r"conformance: completed after .* s: 3 executed", capfd.readouterr().err)


def test_what_containers_have_is_running_until_they_end(make, storage, monkeypatch):
    """In the second run deposit is replayed for its instance, and nothing is told of it."""
    runs, started = [], []
    start = Run.start_elsewhere

    def note(run, position):
        start(run, position)
        runs.append(run)
        started.append(set(run.running))

    monkeypatch.setattr(Run, "start_elsewhere", note)
    account = Account(1)
    account.deposit(1).set_name("deposit")
    w = make(account.deposit(2).set_name("balance"), storage=storage)
    for _ in range(2):
        assert w.run(local=True) == 4
        assert max(map(len, started)) == 3
        assert not runs[-1].running
        storage.remove_task("conformance", "balance")
        started.clear()


CONTROL_C = """
    import sys, time
    from functionfuse import workflow
    from functionfuse.backends.addons.kfpback import KFPWorkflow
    from functionfuse.storage.filestorage import FileStorage

    @workflow
    def quick():
        return 1

    @workflow
    def slow(x):
        print("sleeping")
        time.sleep(60)

    if __name__ == "__main__":
        node = slow(quick().set_name("quick")).set_name("slow")
        w = KFPWorkflow(node, workflow_name="script", baseimage=sys.argv[1])
        w.set_storage(FileStorage(sys.argv[2]))
        w.run(local=True)
"""


def test_control_c_leaves_no_container_and_what_is_saved_stays(run_script, containers, storage):
    # What is started in the background ignores Ctrl-C, and so would its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = run_script(CONTROL_C, start=subprocess.Popen)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        said = ""
        while "sleeping" not in said:
            said = process.stderr.readline()
            assert said, process.wait()
        assert containers()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert time.monotonic() - began < 15
    assert "KeyboardInterrupt" in said
    assert not containers()
    assert storage.list_tasks("script", "*") == ["quick"]
