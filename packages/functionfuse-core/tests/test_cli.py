# ruff: noqa: E501  The cases stand in tables.
"""The command line: what it prints, what it ends with, and what bad input gets."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap

import pytest

from functionfuse._version import __version__
from functionfuse.cli import main
from functionfuse.registry import BACKENDS, STORAGES
from functionfuse.storage.filestorage import FileStorage

STEPS = """
    from functionfuse import workflow

    class Point:
        def __init__(self, x):
            self.x = x

    def check(value):
        if value < 0:
            raise ArithmeticError("below zero")
        return value

    @workflow
    def load(n):
        return list(range(n))

    @workflow
    def mean(values, factor=1.0):
        return check(sum(values) / len(values) * factor)

    @workflow
    def point(x):
        return Point(x)

    number = 3
    data = load(10).set_name("data")
    model = mean(data).set_name("model")
    both = [model, data[0]]
    spot = point(1).set_name("spot")
    failing = mean(load(3).set_name("some"), factor=-1).set_name("failing")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current directory, with the file above."""
    (tmp_path / "cli_steps.py").write_text(textwrap.dedent(STEPS))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("cli_")]:
        del sys.modules[name]


@pytest.fixture
def command(here, capsys):
    """Do what a command line says; return the exit code and what is printed and complained."""

    def call(*words):
        try:
            code = main(words)
        except SystemExit as error:  # argparse does so.
            code = error.code
        output = capsys.readouterr()
        return code, output.out.rstrip(), output.err.rstrip()

    return call


def test_run_prints_results_and_what_was_done(command):
    """Standard output holds the result alone."""
    code, output, errors = command("run", "cli_steps.py:both", "--storage", "st")
    assert (code, output) == (0, "[4.5, 0]")
    assert re.fullmatch(r"cli_steps: 2 executed, 0 loaded, 0 skipped in \d+\.\d s", errors)
    code, output, errors = command("run", "cli_steps:model", "--storage", "st")
    assert (code, output) == (0, "4.5")
    assert errors.startswith("cli_steps: 0 executed, 1 loaded, 1 skipped")
    *_, errors = command("run", "cli_steps:model", "--storage", "st", "--reuse", "never")
    assert errors.startswith("cli_steps: 2 executed")


def test_run_writes_json(command):
    code, output, errors = command("run", "cli_steps.py:model", "--workflow-name", "w", "--json")
    found = json.loads(output)
    assert (code, errors, found["workflow"]) == (0, "", "w")
    assert {name: node["state"] for name, node in found["nodes"].items()} == {
        "data": "executed",
        "model": "executed",
    }


def test_a_failing_node_shows_the_users_traceback_alone_and_ends_with_1(command, here):
    code, output, errors = command("run", "cli_steps.py:failing", "--json")
    states = {name: node["state"] for name, node in json.loads(output)["nodes"].items()}
    assert (code, states) == (1, {"some": "executed", "failing": "failed"})
    files = re.findall(r'File "(.*?)"', errors)
    assert files == [str(here / "cli_steps.py")] * 2
    assert "ArithmeticError: below zero" in errors
    if sys.version_info >= (3, 11):
        assert errors.endswith("node 'failing' of workflow 'cli_steps' failed")


def test_why_tells_of_each_node(command):
    command("run", "cli_steps.py:model", "--storage", "st")
    code, output, errors = command("why", "cli_steps.py:model", "--storage", "st")
    assert (code, errors) == (0, "")
    assert [line.split(":")[0] for line in output.split("\n")] == ["skip    data", "load    model"]
    words = ("--storage", "st", "--reuse", "never", "--pattern", "mod.*", "--json")
    code, output, errors = command("why", "cli_steps.py:model", *words)
    assert (code, list(json.loads(output)), errors) == (0, ["model"], "")


def test_why_warns_of_a_pattern_that_nothing_matches(here):
    done = process(here, "why", "cli_steps.py:model", "--pattern", "none")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("NoMatchWarning: no node of workflow 'cli_steps'")


def test_graph_writes_each_format(command, here, monkeypatch):
    assert command("graph", "cli_steps.py:model")[1].startswith('flowchart LR\n  n0["data"]')
    words = ("--format", "dot", "--output", "model.dot")
    assert command("graph", "cli_steps.py:model", *words) == (0, "", "")
    assert (here / "model.dot").read_text().startswith("digraph {")
    monkeypatch.setenv("PATH", str(here))
    code, output, errors = command("graph", "cli_steps.py:model", "--format", "svg")
    assert (code, output) == (2, "")
    assert "apt install graphviz" in errors


def test_ls_lists_workflows_and_results(command):
    command("run", "cli_steps.py:model", "--storage", "st")
    FileStorage("st").save("by hand", "a", 1)
    code, output, _ = command("ls", "st")
    assert code == 0
    assert [line.split("  ")[:2] for line in output.split("\n")] == [
        ["by hand", ""],
        ["cli_steps", "2 results"],
    ]
    assert json.loads(command("ls", "st", "--json")[1])["by hand"]["results"] == 1
    _, output, _ = command("ls", "st", "cli_steps")
    assert [line.split()[0] for line in output.split("\n")] == ["data", "model"]
    found = json.loads(command("ls", "st", "cli_steps", "--json")[1])
    assert set(found["model"]) == {"bytes", "python"}


def test_ls_tells_of_damage(command, here):
    FileStorage("st").save("w", "a", 1)
    (here / "st" / "w" / "a").write_bytes(b"not a result")
    assert "a  damaged  w/a in FileStorage" in command("ls", "st", "w")[1]
    assert "damaged" in json.loads(command("ls", "st", "w", "--json")[1])["a"]


def test_show_tells_of_a_result_without_loading_it(command):
    """The result is of a class that would print if it was loaded."""
    command("run", "cli_steps.py:spot", "--storage", "st")
    sys.modules.pop("cli_steps")
    code, output, _ = command("show", "st", "cli_steps", "spot")
    assert code == 0
    rows = dict(re.split(r"  +", line, maxsplit=1) for line in output.split("\n"))
    assert rows["node"] == "spot"
    assert rows["argument x"] == "1"
    assert rows["code"].startswith("cli_steps.Point")
    assert rows["content"] == "cli_steps.Point"
    assert "cli_steps" not in sys.modules
    found = json.loads(command("show", "st", "cli_steps", "spot", "--json")[1])
    assert (found["task"], found["content"]) == ("spot", "cli_steps.Point")
    _, output, _ = command("show", "st", "cli_steps", "spot", "--load")
    assert "type        cli_steps.Point" in output


def test_show_tells_why_a_result_cannot_be_loaded(command, here):
    command("run", "cli_steps.py:spot", "--storage", "st")
    sys.modules.pop("cli_steps")
    (here / "cli_steps.py").unlink()
    code, _, errors = command("show", "st", "cli_steps", "spot", "--load")
    assert code == 2
    assert "'spot' can't be loaded: ModuleNotFoundError: No module named 'cli_steps'" in errors


def test_rm_removes_results(command):
    storage = FileStorage("st")
    for name in ("a1", "a2", "b", "c"):
        storage.save("w", name, 1)
    said = "removed {} of workflow 'w'".format
    assert command("rm", "st", "w", "b") == (0, said("1 result"), "")
    assert command("rm", "st", "w", "--pattern", "a*") == (0, said("2 results"), "")
    assert storage.list_tasks("w", "*") == ["c"]
    assert command("rm", "st", "w", "--all") == (0, said("1 result"), "")
    assert storage.list_workflows() == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "cli_steps.py"], "nodes are given as FILE:NODE"),
        (["run", "absent.py:x"], "there is no file 'absent.py'"),
        (["run", "absent:x"], "there is neither a file nor a module 'absent'"),
        (["run", "absent.module:x"], "there is neither a file nor a module 'absent.module'"),
        (["run", "cli_steps.py:nodel"], "has no variable 'nodel'; those that hold nodes: 'data', 'model', 'both', 'spot'"),
        (["run", "cli_steps.py:number"], "got 3 of type int"),
        (["run", "cli_steps.py:model", "--backend", "absent"], "unknown backend 'absent'"),
        (["run", "cli_steps.py:model", "--backend", "graph"], "'doc_path'"),
        (["run", "cli_steps.py:model", "--backend-options", "[]"], "options are a JSON object"),
        (["run", "cli_steps.py:model", "--backend-options", "{"], "options are a JSON object"),
        (["run", "cli_steps.py:model", "--storage", "shelf://x"], "unknown storage kind 'shelf'"),
        (["run", "cli_steps.py:model", "--storage", '{"kind": "file"}'], "takes the options path"),
        (["run", "cli_steps.py:model", "--storage", "cli_steps.py"], "cli_steps.py' is a file"),
        (["run", "cli_steps.py:model", "--reuse", "always"], "invalid choice: 'always'"),
        (["why", "cli_steps.py:model", "--pattern", "("], "a pattern is a regular expression"),
        (["ls", "absent"], "there is no storage at 'absent'"),
        (["ls", ".", "absent"], "has no results of workflow 'absent'"),
        (["show", ".", "absent", "node"], "has no result of 'node' in workflow 'absent'"),
        (["rm", ".", "absent", "node"], "has no result of 'node' in workflow 'absent'"),
        (["rm", ".", "absent", "--pattern", "*"], "has no such results of workflow 'absent'"),
        (["rm", ".", "absent"], "one of the arguments NODE --pattern --all is required"),
        ([], "required"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_wrong_use_is_a_sentence_and_ends_with_2(command, words, message):
    code, output, errors = command(*words)
    assert (code, output) == (2, "")
    assert message in errors
    assert "Traceback" not in errors
    assert len(errors.split("\n")[-1:]) == 1


def test_a_choice_that_a_backend_has_not_is_refused(command):
    options = ("--backend-options", '{"doc_path": "docs"}')
    code, _, errors = command(
        "run", "cli_steps.py:model", "--backend", "graph", *options, "--reuse", "never"
    )
    assert (code, "backend 'graph' does not take reuse='never'" in errors) == (2, True)
    code, _, errors = command("run", "cli_steps.py:model", "--run-options", '{"local": true}')
    assert (code, "backend 'local' does not take local=True" in errors) == (2, True)


def test_a_node_that_ends_the_process_has_failed(command, here):
    (here / "cli_ends.py").write_text(
        "import sys\nfrom functionfuse import workflow\nend = workflow(lambda: sys.exit())()\n"
    )
    code, _, errors = command("run", "cli_ends.py:end")
    assert (code, "SystemExit" in errors) == (1, True)
    assert "cli_ends: 0 executed, 0 loaded, 0 skipped, 1 failed" in errors


def test_json_stands_alone_whatever_nodes_print(command, here):
    (here / "cli_prints.py").write_text(
        "from functionfuse import workflow\nsaid = workflow(print)('by a node')\n"
    )
    code, output, errors = command("run", "cli_prints.py:said", "--json")
    [node] = json.loads(output)["nodes"].values()
    assert (code, node["state"], node["failure"]) == (0, "executed", None)
    assert errors == "by a node"


def test_progress_tells_what_else_the_end_would(command):
    code, output, errors = command("run", "cli_steps.py:model", "--progress")
    assert (code, output) == (0, "4.5")
    assert re.fullmatch(r"cli_steps: completed after .* s: 2 executed", errors)


def test_a_run_that_is_over_has_a_report(command, here):
    code, _, errors = command("report", ".", "cli_steps")
    assert (code, "has no record of a run of workflow 'cli_steps'" in errors) == (2, True)
    for factor in (1, 2):
        steps = (here / "cli_steps.py").read_text()
        (here / "cli_steps.py").write_text(steps.replace("values) *", f"values) * {factor} *"))
        sys.modules.pop("cli_steps", None)
        assert (
            command("run", "cli_steps.py:model", "--storage", ".", "--reuse", "unchanged")[0] == 0
        )
    first, last = command("report", ".", "cli_steps", "--list")[1].split()
    assert command("report", ".", "cli_steps", "-o", "page.html") == (0, "wrote page.html", "")
    assert "<title>cli_steps: report of a run</title>" in (here / "page.html").read_text()
    states = {}
    for name in (first, last):
        output = command("report", ".", "cli_steps", "--run", name, "--json")[1]
        states[name] = json.loads(output)["nodes"]["state"]
    assert states == {first: ["executed"] * 2, last: ["loaded", "executed"]}
    code, _, errors = command("report", ".", "cli_steps", "--run", "never")
    assert (code, f"those kept: {first}, {last}" in errors) == (2, True)


def test_a_missing_distribution_names_what_installs_it(command, monkeypatch):
    monkeypatch.setattr("functionfuse.registry.importlib.util.find_spec", lambda name: None)
    for words, extra in (
        (["run", "cli_steps.py:model", "--backend", "ray"], "ray"),
        (["ls", "s3://bucket/folder"], "s3"),
    ):
        code, _, errors = command(*words)
        assert (code, f'pip install "functionfuse-core[{extra}]"' in errors) == (2, True)


@pytest.mark.parametrize(
    ("source", "last_line"),
    [
        ("def f():\n    return 1 / 0\nf()", "ZeroDivisionError: division by zero"),
        ("x = (", "SyntaxError: '(' was never closed"),
        ("import absent_module", "ModuleNotFoundError: No module named 'absent_module'"),
    ],
    ids=["raises", "syntax", "import"],
)
def test_a_file_that_fails_shows_its_own_traceback_alone(command, here, source, last_line):
    (here / "cli_broken.py").write_text(source)
    code, output, errors = command("why", "cli_broken.py:x")
    assert (code, output) == (2, "")
    assert errors.split("\n")[-1] == last_line
    assert set(re.findall(r'File "(.*?)"', errors)) == {str(here / "cli_broken.py")}
    assert "cli_broken" not in sys.modules


def test_a_file_that_ends_the_process_is_told(command, here):
    (here / "cli_ending.py").write_text("import sys\nsys.exit(3)")
    code, _, errors = command("run", "cli_ending.py:x")
    assert (code, "if __name__ == '__main__':" in errors) == (2, True)


def test_a_file_called_like_a_loaded_module_is_refused(command, here):
    (here / "json.py").write_text("x = 1")
    code, _, errors = command("run", "json.py:x")
    assert (code, "called like a module that is loaded, 'json'" in errors) == (2, True)


def test_third_parties_appear_by_themselves(command, here, monkeypatch):
    info = here / "thirdparty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thirdparty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{STORAGES.group}]\nshelf = cli_thirdparty:Shelf\n"
        f"[{BACKENDS.group}]\nslow = cli_thirdparty:Slow\n"
    )
    (here / "cli_thirdparty.py").write_text(
        "from functionfuse.storage.filestorage import FileStorage as Shelf\n"
        "from functionfuse.backends.builtin.localback import LocalWorkflow\n"
        "class Slow(LocalWorkflow):\n"
        "    def __init__(self, *nodes, workflow_name, speed=1):\n"
        "        super().__init__(*nodes, workflow_name=f'{workflow_name} at {speed}')\n"
    )
    monkeypatch.syspath_prepend(here)
    storage = ("--storage", "shelf://books")
    backend = ("--backend", "slow", "--backend-options", '{"speed": 3}')
    assert command("run", "cli_steps.py:model", *storage, *backend)[:2] == (0, "4.5")
    assert FileStorage("books").list_workflows() == ["cli_steps at 3"]


def test_a_storage_is_described_in_json(command):
    description = json.dumps({"kind": "file", "options": {"path": "described"}})
    assert command("run", "cli_steps.py:model", "--storage", description)[0] == 0
    assert FileStorage("described").list_tasks("cli_steps", "*") == ["data", "model"]


def process(folder, *words):
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.run(
        [sys.executable, "-m", "functionfuse", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_runs_as_a_module_and_results_pickle_by_reference(here):
    done = process(here, "run", "cli_steps.py:spot", "--storage", "st")
    assert (done.returncode, done.stdout[:25]) == (0, "<cli_steps.Point object a")
    assert process(here, "show", "st", "cli_steps", "spot", "--load").returncode == 0
    assert process(here, "--version").stdout == f"{__version__}\n"
