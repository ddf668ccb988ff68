"""Progress: what is shown of a run while it goes on, and where."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
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
from functionfuse.progress.snapshot import Observer, Style
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
    assert errors() == "quiet: completed after 0.0 s: 1 executed\n"


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
    lines = displays.Lines(Style())
    for second in range(1000):
        lines.show(make_snapshot(seconds=second))
    moments = [line.split(" after ")[1].split(" (")[0] for line in errors().splitlines()]
    assert moments[:4] == ["0.0 s", "5.0 s", "10.0 s", "15.0 s"]
    assert moments[-2:] == ["0:14:29", "0:15:56"]


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
    assert isinstance(displays.open_display(Style()), displays.Lines)


SCRIPT = """
import contextlib, io, sys, time
from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow

@workflow
def step(value):
{node}
    return value

step_two = step(step(1).set_name("one")).set_name("two")
w = LocalWorkflow(step_two, workflow_name="in a terminal")
w.run(progress=True)
{end}
"""
PRINTING = """
time.sleep(1)
print("value [/a/b] " + "x" * 200)
for part in ("un", "finished ", "line"):
    print(part, end="", flush=True)
    time.sleep(0.3)
print()
"""


def make_script(folder, node, end=""):
    script = folder / "script.py"
    node, end = map(textwrap.dedent, (node, end))
    script.write_text(SCRIPT.format(node=textwrap.indent(node, " " * 4), end=end))
    return script


def told_terminal(script, output=None, **environment):
    """Run a script whose standard error is a terminal; return what that is told.

    Its output is the same terminal, unless a file is given.
    """
    driver, terminal = pty.openpty()
    process = subprocess.Popen(
        (sys.executable, script),
        stdout=terminal if output is None else output,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", **environment},
    )
    os.close(terminal)
    told = b""
    with contextlib.suppress(OSError):  # So Linux tells that the other side is closed.
        while part := os.read(driver, 1 << 16):
            told += part
    os.close(driver)
    assert process.wait() == 0, told
    return told.decode().replace("\r\n", "\n")


def screen(told):
    """Return the lines that a terminal shows in the end."""
    lines = [re.sub(r".*\x1b\[2K", "", line) for line in told.split("\n")]
    return [re.sub(r"\x1b\[[\d;?]*[a-zA-Z]|\r", "", line) for line in lines]


def test_a_terminal_has_a_bar_and_shows_what_is_printed_as_it_is(tmp_path):
    require("rich")
    told = told_terminal(make_script(tmp_path, PRINTING))
    assert "━" in told
    assert "now: two" in told
    printed = ["value [/a/b] " + "x" * 200, "unfinished line"]
    *shown, last, nothing = screen(told)
    assert shown == printed * 2
    assert re.fullmatch(r"in a terminal: completed after \d\.\d s: 2 executed", last)
    assert nothing == ""


def test_what_is_logged_stands_above_the_bar(tmp_path):
    require("rich")
    node = """
        import logging
        logging.basicConfig()
        time.sleep(0.8)
        logging.warning("logged")
        time.sleep(0.3)
    """
    end = "assert logging.root.handlers[0].stream is sys.__stderr__"
    told = told_terminal(make_script(tmp_path, node, "import logging\n" + end))
    assert "━" in told
    assert screen(told)[:2] == ["WARNING:root:logged"] * 2


def test_output_that_goes_to_a_file_stays_out_of_the_terminal(tmp_path):
    require("rich")
    with (tmp_path / "output").open("w+") as output:
        script = make_script(tmp_path, PRINTING, "print(sys.stdout is sys.__stdout__)")
        told = told_terminal(script, output)
        output.seek(0)
        lines = output.read().splitlines()
    assert lines[1::2] == ["unfinished line"] * 2
    assert lines[-1] == "True"
    assert "━" in told
    assert "unfinished" not in told


def test_a_program_that_replaces_its_output_keeps_what_it_has(tmp_path):
    require("rich")
    node = """
        with contextlib.redirect_stdout(io.StringIO()):
            time.sleep(0.8)
    """
    end = "assert (sys.stdout, sys.stderr) == (sys.__stdout__, sys.__stderr__)"
    assert "━" in told_terminal(make_script(tmp_path, node, end))


def test_a_second_run_at_the_same_time_has_lines(tmp_path):
    require("rich")
    node = """
        time.sleep(0.7)
        from functionfuse.testing.functions import keep
        LocalWorkflow(keep(value), workflow_name="inner").run(progress=True)
    """
    told = told_terminal(make_script(tmp_path, node))
    assert screen(told).count("inner: completed after 0.0 s: 1 executed") == 2


def test_a_terminal_that_can_draw_nothing_has_lines(tmp_path):
    require("rich")
    told = told_terminal(make_script(tmp_path, "time.sleep(0.8)"), TERM="dumb")
    assert "\x1b" not in told
    assert re.match(r"in a terminal: 0 of 2 nodes done after .* s \(2 left\); now: one\n", told)


def test_names_that_move_the_cursor_are_shown_without_that():
    run = make_run(keep(1).set_name("a\nb\x1b[2J" + "c" * 100))
    assert Observer(run).look().names() == "a b [2J" + "c" * 52 + "…"


def test_a_notebook_has_a_bar_below_the_cell(tmp_path):
    nbclient, nbformat, _, _ = map(require, ("nbclient", "nbformat", "ipykernel", "rich"))
    notebook = nbformat.v4.new_notebook()
    source = make_script(tmp_path, "time.sleep(0.5)").read_text()
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    client = nbclient.NotebookClient(notebook, kernel_name="python3", timeout=60)
    client.execute(cwd=tmp_path)
    [page] = [
        output["data"]["text/html"]
        for output in notebook.cells[0].outputs
        if output["output_type"] == "display_data"
    ]
    assert "━" in page
    assert "2 executed" in page
    assert not any(output.get("name") == "stderr" for output in notebook.cells[0].outputs)
