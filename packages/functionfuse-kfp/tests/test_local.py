"""Containers of this machine: scripts, failures, options, and Ctrl-C."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
import traceback
from textwrap import dedent
from uuid import uuid4

import pytest

from functionfuse import workflow
from functionfuse.backends.addons.kfpback import KFPWorkflow
from functionfuse.errors import DamagedResultWarning, NodeError, notes
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import require
from functionfuse.testing.functions import CustomError, add, fail, keep, token
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


def containers(engine):
    """Return the containers of workflows, running or not."""
    return [
        container
        for container in engine.containers.list(all=True)
        if any("functionfuse" in text for text in container.attrs["Config"]["Cmd"])
    ]


@pytest.fixture
def run_script(docker_engine, base_image, tmp_path):
    """Return a function that runs a script in a folder of its own."""
    folder = tmp_path / "script"
    folder.mkdir()

    def run_script(text, *, start=subprocess.run):
        (folder / "run.py").write_text(dedent(text))
        command = [sys.executable, "run.py", base_image, str(tmp_path / "storage")]
        return start(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    return run_script


SCRIPT = """
    import sys
    from dataclasses import dataclass
    from functionfuse import workflow
    from functionfuse.backends.addons.kfpback import KFPWorkflow

    @dataclass
    class Point:
        x: int

    class OwnError(Exception):
        pass

    @workflow
    def make(x):
        return Point(x)

    @workflow
    def move(point, by):
        assert isinstance(point, Point)
        return Point(point.x + by.x)

    @workflow
    def fail(point):
        raise OwnError(point.x)

    @workflow
    class Path:
        def __init__(self, start):
            self.points = [start]

        def extend(self, point):
            self.points.append(point)
            return list(self.points)

    double = workflow(lambda point: Point(2 * point.x))

    def run(*nodes):
        return KFPWorkflow(*nodes, workflow_name="script", baseimage=sys.argv[1]).run(local=True)

    if __name__ == "__main__":
        try:
            run(fail(make(3)))
        except OwnError as error:
            print("failed with", error.args)
        moved = move(make(1), Point(2))
        path = Path(moved)
        result = run(path.extend(double(moved)))
        print(result, isinstance(result[0], Point))
"""


def test_what_a_script_defines_is_found_in_its_containers(run_script):
    process = run_script(SCRIPT)
    assert process.stdout.splitlines() == [
        "failed with (3,)",
        "[Point(x=3), Point(x=6)] True",
    ], process.stderr
    assert "raise OwnError(point.x)" in process.stderr  # What containers print is shown.


def test_a_module_of_a_package_is_found_wherever_python_finds_it(base_image, tmp_path):
    folder = tmp_path / 'it\'s my "$HOME"'
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "names.py").write_text("NUMBER = 5\n")
    script = SCRIPT.replace("OwnError(point.x)", "OwnError(NUMBER)")
    text = dedent("    from .names import NUMBER\n" + script)
    (folder / "package" / "run.py").write_text(text)
    process = subprocess.run(
        [sys.executable, "-m", "package.run", base_image],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert process.stdout.startswith("failed with (5,)"), process.stderr
    assert process.stdout.endswith("True\n"), process.stderr


def test_what_is_typed_into_python_is_sent(base_image, tmp_path):
    """So are the cells of a notebook."""
    text = dedent(SCRIPT).replace("x: int", f'x: int\n    new = "{uuid4().hex}"')
    process = subprocess.run(
        [sys.executable, "-", base_image],
        cwd=tmp_path,
        input=text,
        capture_output=True,
        text=True,
    )
    assert process.stdout.startswith("failed with (3,)"), process.stderr
    assert process.stdout.endswith("True\n"), process.stderr


def test_a_script_that_runs_when_it_is_imported_is_told(run_script):
    process = run_script(SCRIPT.partition("    if __name__")[0] + "    run(make(1))\n")
    assert 'put what runs the workflow under `if __name__ == "__main__":`' in process.stderr
    assert "building" not in process.stderr


def test_a_script_whose_guard_does_not_guard_is_told(run_script):
    text = SCRIPT.partition("    if __name__")[0] + "    NAME = '__main__'\n    run(make(1))\n"
    process = run_script(text)
    assert "this script runs its workflow when it is imported" in process.stderr


def test_functions_that_can_not_be_imported_are_sent(make):
    words = ["a", "b"]

    @workflow
    def join(text, sep=lambda: "-"):
        return sep().join([text, *words])

    upper = workflow(lambda text: text.upper())
    assert make(join(upper("x"))).run(local=True) == "X-a-b"
    words.append("c")
    assert make(join(upper("x"))).run(local=True) == "X-a-b-c"


def test_a_container_that_ends_early_says_what_it_said(make, steps, docker_engine):
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
    assert not containers(docker_engine)


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


def test_a_container_that_takes_too_long_is_ended(make, steps, docker_engine):
    node = steps.sleep(30).set_name("sleeper")
    with pytest.raises(NodeError, match=r"(?s)'sleeper'.*its timeout of 1s? s"):
        make(node, task_args={"timeout": 1}).run(local=True)
    assert not containers(docker_engine)


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


def test_control_c_leaves_no_container_and_what_is_saved_stays(run_script, docker_engine, storage):
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
        assert containers(docker_engine)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert time.monotonic() - began < 15
    assert "KeyboardInterrupt" in said
    assert not containers(docker_engine)
    assert storage.list_tasks("script", "*") == ["quick"]
