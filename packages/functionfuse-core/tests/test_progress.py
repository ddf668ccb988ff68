"""Progress: what is shown of a run while it goes on, and where."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.plan import make_full_plan
from functionfuse.progress import displays
from functionfuse.progress.snapshot import Observer
from functionfuse.run import Run
from functionfuse.testing import require
from functionfuse.worker import Outcome

DEADLINE_S = 30


@workflow
def keep(value):
    return value


@workflow
def fail(value):
    raise ArithmeticError(value)


@pytest.fixture
def errors(capsys):
    """Return a function that returns what standard error was told so far."""
    parts = []

    def errors():
        parts.append(capsys.readouterr().err)
        return "".join(parts)

    return errors


def wait_for(text, told):
    deadline = time.monotonic() + DEADLINE_S
    while text not in told():
        assert time.monotonic() < deadline, told()
        time.sleep(0.01)


def test_nothing_is_shown_unless_wanted(errors, monkeypatch):
    w = LocalWorkflow(keep(1), workflow_name="quiet")
    for text in (None, "", "0", "false", "off"):
        if text is not None:
            monkeypatch.setenv("FUNCTIONFUSE_PROGRESS", text)
        w.run()
    monkeypatch.setenv("FUNCTIONFUSE_PROGRESS", "1")
    w.run(progress=False)
    assert errors() == ""
    w.run()
    assert errors() == "quiet: ended after 0.0 s: 1 executed\n"


@pytest.mark.parametrize("in_threads", [False, True])
def test_the_node_that_runs_is_named(errors, in_threads):
    """first ─► slow ─► last: while `slow` runs, one is done and two are left."""

    @workflow
    def wait(value):
        wait_for("now: slow", errors)
        return value

    w = LocalWorkflow(keep(wait(keep(1)).set_name("slow")), workflow_name="chain")
    with ThreadPoolExecutor(2) as executor:
        w.set_executor(executor if in_threads else None)
        w.run(progress=True)
    first, last = errors().splitlines()
    assert first.startswith("chain: 1 of 3 nodes done after ")
    assert first.endswith(" s (1 executed, 2 left); now: slow")
    assert last.endswith(" s: 3 executed")


def test_failures_are_counted_with_what_they_block(errors):
    failing = fail(1)
    w = LocalWorkflow(keep(failing), keep(keep(failing)), keep(2), workflow_name="trouble")
    with pytest.raises(ArithmeticError):
        w.run(progress=True, on_error="continue")
    assert errors().startswith("trouble: failed after ")
    assert errors().endswith(" s: 1 executed, 1 failed, 3 blocked\n")


def test_a_closed_standard_error_harms_no_run(monkeypatch):
    monkeypatch.setattr(sys, "stderr", closed := io.StringIO())
    closed.close()
    assert LocalWorkflow(keep(1), workflow_name="w").run(progress=True) == 1


def test_lines_come_less_and_less_often(errors):
    lines = displays.Lines()
    for second in range(1000):
        lines.show(make_snapshot(seconds=second))
    moments = [int(line.split(" after ")[1].split()[0]) for line in errors().splitlines()]
    assert moments[:3] == [0, 5, 10]
    assert moments[-1] - moments[-2] >= 80


def make_snapshot(**changes):
    run = make_run(keep(1))
    return Observer(run).look()._replace(**changes)


def make_run(*leaves):
    w = LocalWorkflow(*leaves, workflow_name="w")
    run = Run(w.graph, "w", None, "continue", {})
    run.begin(make_full_plan(w.graph, w.graph.leaf_positions))
    return run


def test_what_waits_in_a_worker_for_its_parents_does_not_run():
    """a ─► b ─► c, all submitted at once: they run one after the other."""
    a = keep(1).set_name("a")
    b = keep(a).set_name("b")
    run = make_run(keep(b).set_name("c"))
    observer = Observer(run)
    for position in range(3):
        run.start_elsewhere(position)
    assert observer.look().running == ["a"]
    run.finish_elsewhere(0, Outcome(None, None, "", time.time(), 0.0, None, "process 7"))
    snapshot = observer.look()
    assert (snapshot.running, snapshot.done, snapshot.total) == (["b"], 1, 3)
    assert run.record["a"].worker == "process 7"


def test_without_rich_there_are_lines(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(displays.importlib.util, "find_spec", lambda name: None)
    assert isinstance(displays.open_display(is_terminal_shared=False), displays.Lines)


SCRIPT = """
    import time
    from functionfuse import workflow
    from functionfuse.backends.builtin.localback import LocalWorkflow

    @workflow
    def step(value):
        print("printed by a node")
        time.sleep({seconds})
        return value

    step_two = step(step(1).set_name("one")).set_name("two")
    LocalWorkflow(step_two, workflow_name="in a terminal").run(progress=True)
"""


def test_a_terminal_has_a_bar(tmp_path):
    require("rich")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(seconds=1)))
    driver, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, script],
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(terminal)
    shown = b""
    while True:
        try:
            part = os.read(driver, 1 << 16)
        except OSError:  # So Linux tells that the other side is closed.
            break
        if not part:
            break
        shown += part
    os.close(driver)
    assert process.wait() == 0
    text = shown.decode()
    assert "━" in text
    assert "now: two" in text
    assert text.count("printed by a node") == 2
    assert "in a terminal: ended after 2." in text


def test_a_notebook_has_a_bar_below_the_cell(tmp_path):
    nbclient, nbformat, _, _ = map(require, ("nbclient", "nbformat", "ipykernel", "rich"))
    notebook = nbformat.v4.new_notebook()
    source = textwrap.dedent(SCRIPT.format(seconds=0.5))
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    client = nbclient.NotebookClient(notebook, kernel_name="python3", timeout=60)
    client.execute(cwd=tmp_path)
    [page] = [
        output["data"]["text/html"]
        for output in notebook.cells[0].outputs
        if output["output_type"] == "display_data"
    ]
    assert "━" in page
    assert "2/2" in page
