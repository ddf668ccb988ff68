"""Where a deployment finds its workflow, and what can't be deployed."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

from functionfuse.testing import require
from functionfuse.testing.functions import keep

require("prefect")

from functionfuse.backends.addons.prefectback import PrefectWorkflow  # noqa: E402
from functionfuse.backends.addons.prefectback._deployment import entrypoint_of  # noqa: E402

SCRIPT = """
from functionfuse import workflow
from functionfuse.backends.addons.prefectback import PrefectWorkflow
from functionfuse.backends.addons.prefectback._deployment import entrypoint_of

@workflow
def one():
    return 1

w = PrefectWorkflow(one(), workflow_name="w")
if __name__ == "__main__":
    print(*entrypoint_of(w), sep="|")
"""


@pytest.fixture
def module(monkeypatch):
    """Return a function that makes a module with variables."""

    def make(name, **variables):
        made = types.ModuleType(name)
        vars(made).update(variables)
        monkeypatch.setitem(sys.modules, name, made)

    return make


@pytest.fixture
def w():
    return PrefectWorkflow(keep(1), workflow_name="w")


def run(*command, cwd):
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_script_is_its_own_entrypoint(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    assert run("script.py", cwd=tmp_path) == f"{tmp_path}|script.py:w.flow"


def test_a_module_of_a_package_runs_from_the_folder_that_holds_the_package(tmp_path):
    folder = tmp_path / "package" / "part"
    folder.mkdir(parents=True)
    (folder / "script.py").write_text(SCRIPT)
    entrypoint = f"{tmp_path}|package/part/script.py:w.flow"
    assert run("-m", "package.part.script", cwd=tmp_path) == entrypoint
    imported = "from package.part.script import entrypoint_of, w; print(*entrypoint_of(w), sep='|')"
    assert run("-c", imported, cwd=tmp_path) == entrypoint


def test_the_module_that_is_run_goes_before_those_it_imports_from(module, w, monkeypatch):
    module("other", w=w, __file__="/folder/other.py")
    module("__main__", flow_of_mine=w, __file__="/folder/script.py")
    assert entrypoint_of(w) == ("/folder", "script.py:flow_of_mine.flow")


def test_a_workflow_made_in_a_function_is_refused_with_the_shape_that_can_be_deployed(w):
    for method in (lambda: w.serve("local"), lambda: w.deploy("pooled", "pool")):
        with pytest.raises(ValueError, match=r"global variable of a \.py file") as caught:
            method()
        assert 'if __name__ == "__main__":\n        w.serve(…)' in str(caught.value)


@pytest.mark.parametrize(
    "variables",
    [{}, {"__file__": None}, {"__file__": "/folder/script"}, {"__file__": "/folder/a.ipynb"}],
    ids=["REPL", "namespace", "no suffix", "notebook"],
)
def test_what_is_no_file_of_python_is_refused(module, w, variables):
    module("interactive", w=w, **variables)
    with pytest.raises(ValueError, match="'w' can't be deployed"):
        entrypoint_of(w)


def test_modules_that_load_themselves_when_asked_are_left_alone(module, w, monkeypatch):
    class Lazy(types.ModuleType):
        def __getattr__(self, name):
            pytest.fail(f"asked for {name}")

    monkeypatch.setitem(sys.modules, "lazy", Lazy("lazy"))
    monkeypatch.setitem(sys.modules, "nothing", None)
    module("script", w=w, __file__="/folder/script.py")
    assert entrypoint_of(w) == ("/folder", "script.py:w.flow")
