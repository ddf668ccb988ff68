"""Records and reports of runs: what they hold."""

from __future__ import annotations

import gzip
import json
import re
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.report import summarize, write_page
from functionfuse.storage import records
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import functions


@workflow
def keep(value):
    return value


@workflow
def fail(value):
    raise ArithmeticError(f"no </script> {value}\nand a second line")


@workflow
class Counter:
    def __init__(self):
        self.total = 0

    def add(self, value):
        self.total += value
        return self.total


@pytest.fixture
def ran():
    """Run a graph in which something executes, fails and is blocked; return its record."""
    w = LocalWorkflow(keep(fail(keep(1))), keep(2), workflow_name="<trouble>")
    with pytest.raises(ArithmeticError):
        w.run(on_error="continue")
    return w.last_run


def test_a_summary_is_plain_data(ran):
    summary = json.loads(json.dumps(summarize(ran)))
    assert json.dumps(summary) == json.dumps(summarize(ran))
    assert summary["workflow"] == "<trouble>"
    assert summary["backend"] == "LocalWorkflow"
    assert summary["nodes"]["state"] == ["executed", "failed", "pending", "executed"]
    assert summary["nodes"]["started"][2] is None
    assert [summary["functions"][code] for code in summary["nodes"]["function"]] == [
        "keep",
        "fail",
        "keep",
        "keep",
    ]
    assert all(len(column) == 4 for column in summary["nodes"].values())
    assert summary["ending"] == "failed"
    assert summary["errors"].keys() == {"1"}
    assert summary["errors"]["1"]["message"] == "ArithmeticError: no </script> 1"
    assert "in fail" in summary["errors"]["1"]["traceback"]


def test_a_summary_tells_arguments_from_the_order_of_calls():
    """counter ──► add ┄┄► add ──► add, which takes the result of the call before."""
    counter = Counter().set_name("counter")
    first = counter.add(1)
    last = counter.add(counter.add(2))
    w = LocalWorkflow(first, last, workflow_name="w")
    w.run()
    summary = json.loads(json.dumps(summarize(w.last_run)))
    assert summary["instances"] == [0]
    assert summary["nodes"]["parents"] == [[], [0], [0], [0, 2]]
    assert summary["follows"] == {"2": 1}


@pytest.mark.parametrize(
    ("executor", "expected"),
    [(ThreadPoolExecutor, r"thread \d+_0"), (ProcessPoolExecutor, r"process \d+")],
)
def test_who_ran_a_node_is_known(executor, expected):
    w = LocalWorkflow(functions.keep(1).set_name("one"), workflow_name="w")
    with executor(1) as workers:
        w.set_executor(workers)
        w.run()
    assert re.fullmatch(expected, w.last_run["one"].worker)
    w.set_executor(None)
    w.run()
    assert w.last_run["one"].worker == ""


def test_a_storage_keeps_the_last_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "MOST_KEPT", 3)
    storage = FileStorage(tmp_path)
    for value in range(5):
        w = LocalWorkflow(keep(value), workflow_name="w")
        w.set_storage(storage)
        w.run()
    kept = storage.records("w")
    assert len(kept.names()) == 3
    reasons = kept.read(kept.names()[-1])["reasons"]
    assert reasons == ["argument value was 3, is 4"]
    w.run(reuse="never")
    assert kept.read(kept.names()[-1])["reasons"] == ["reuse='never' executes everything"]
    storage.remove_workflow("w")
    assert kept.names() == []


def test_a_damaged_or_newer_record_is_a_sentence(tmp_path, ran):
    kept = FileStorage(tmp_path).records("w")
    kept.keep(summarize(ran))
    [name] = kept.names()
    [file] = tmp_path.rglob(name)
    whole = file.read_bytes()
    for damaged in (whole[:-20], b"foreign", gzip.compress(b"{")):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"the record of the run of {name} is damaged"):
            kept.read(name)
    with pytest.raises(FileNotFoundError):
        kept.read("never")
    with pytest.raises(ValueError, match="has format 2, and this functionfuse reads 1"):
        write_page({**summarize(ran), "format": 2}, tmp_path / "page.html")


def test_a_run_that_can_keep_no_record_warns_and_returns(tmp_path, caplog, monkeypatch):
    def refuse(self, summary):
        raise OSError("no space left")

    monkeypatch.setattr(records.Records, "keep", refuse)
    w = LocalWorkflow(keep(1), workflow_name="w")
    w.set_storage(FileStorage(tmp_path))
    assert w.run() == 1
    assert "no record of the run of workflow 'w' kept" in caplog.text


def test_a_page_asks_no_network_and_holds_what_nodes_say_as_text(ran, tmp_path):
    ran.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r"""(src|href)=["'][^#]|@import|url\([^#]""", page)
    assert page.count("</script>") == 2
    assert "<title>&lt;trouble&gt;: report of a run</title>" in page
    assert "{{" not in page


def test_names_that_are_no_unicode_are_written(tmp_path):
    w = LocalWorkflow(keep(1).set_name("\ud800"), workflow_name="\ud801")
    w.run()
    w.last_run.to_html(tmp_path / "report.html")
    assert r"\ud800" in (tmp_path / "report.html").read_text()
