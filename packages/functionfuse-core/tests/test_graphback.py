"""Drawing a graph instead of running it: which files are written."""

from __future__ import annotations

import logging
import sys

import pytest

from functionfuse.backends.builtin.graphback import GraphWorkflow
from functionfuse.registry import BACKENDS
from functionfuse.testing.functions import add, fail, keep


@pytest.fixture
def no_graphviz(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))


def test_it_is_the_backend_graph():
    assert BACKENDS.find("graph") is GraphWorkflow


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program on Windows")
def test_a_run_writes_mermaid_dot_and_svg_and_executes_nothing(tmp_path, monkeypatch):
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint('<svg/>')\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    folder = tmp_path / "new" / "docs"
    w = GraphWorkflow(add(fail(), 1), workflow_name="a/b: ü", doc_path=folder)
    paths = w.run()
    stem = folder / "a%2Fb%3A ü"
    assert paths == [stem.with_name(stem.name + suffix) for suffix in (".mmd", ".dot", ".svg")]
    assert [path.read_text("utf-8") for path in paths] == [w.to_mermaid(), w.to_dot(), "<svg/>\n"]
    assert w.last_run is None


def test_without_graphviz_the_others_are_written_and_a_message_says_how_to_get_it(
    tmp_path, no_graphviz, caplog
):
    w = GraphWorkflow(keep(1), workflow_name="w", doc_path=str(tmp_path))
    with caplog.at_level(logging.WARNING, "functionfuse"):
        assert [path.name for path in w.run()] == ["w.mmd", "w.dot"]
    (message,) = caplog.messages
    assert "w.svg written: an SVG picture needs Graphviz" in message
    assert "apt install graphviz" in message


def test_a_path_that_is_none_is_refused():
    with pytest.raises(TypeError, match="doc_path is that of a folder, got None"):
        GraphWorkflow(keep(1), workflow_name="w", doc_path=None)
