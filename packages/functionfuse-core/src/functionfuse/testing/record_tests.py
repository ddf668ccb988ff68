"""What a run tells of itself: its progress, and the record that reports are drawn from."""

from __future__ import annotations

import time
from typing import Any

import pytest

from functionfuse import workflow
from functionfuse.progress import VARIABLE
from functionfuse.testing.functions import CustomError, keep, prepend, token
from functionfuse.testing.reuse_tests import NAME

__all__ = ["RecordTests"]


FAILS_AFTER_S = 0.05


@workflow
def slow_failure() -> None:
    """Take a moment, then raise an error."""
    time.sleep(FAILS_AFTER_S)
    raise CustomError(0, "slowly")


def _pair(text: str = "of ") -> Any:
    """data ─► model, both with names of their own."""
    return prepend(text, token().set_name("data")).set_name("model")


class RecordTests:
    """A run's record says the same on every backend."""

    def test_progress_ends_with_what_became_of_the_nodes(
        self, backend: Any, make: Any, capfd: Any, monkeypatch: Any
    ) -> None:
        monkeypatch.setenv(VARIABLE, "1")
        backend.run(make(_pair()))
        assert f"{NAME}: completed after " in (errors := capfd.readouterr().err)
        assert " s: 2 executed\n" in errors
        backend.run(make(_pair("new ")), reuse="unchanged")
        assert " s: 1 executed, 1 loaded\n" in capfd.readouterr().err
        monkeypatch.setenv(VARIABLE, "0")
        backend.run(make(_pair("newer ")), reuse="unchanged")
        assert f"{NAME}: completed" not in capfd.readouterr().err

    def test_the_storage_keeps_what_a_run_did_and_why(
        self, backend: Any, storage: Any, make: Any
    ) -> None:
        backend.run(make(_pair()))
        backend.run(make(_pair("new ")), reuse="unchanged")
        backend.run(make(_pair("new ")))  # It executes nothing, so there is nothing to keep.
        records = storage.records(NAME)
        first, second = map(records.read, records.names())
        assert first["nodes"]["name"] == ["data", "model"]
        assert first["nodes"]["state"] == ["executed", "executed"]
        assert first["nodes"]["parents"] == [[], [0]]
        assert [first["functions"][code] for code in first["nodes"]["function"]] == [
            "token",
            "prepend",
        ]
        assert first["workflow"] == NAME
        assert first["seconds"] >= max(first["nodes"]["duration"])
        assert all(size > 0 for size in first["nodes"]["stored_bytes"])
        assert second["nodes"]["state"] == ["loaded", "executed"]
        reasons = [second["reasons"][code] for code in second["nodes"]["reason"]]
        assert reasons == ["saved already", "argument text was 'of ', is 'new '"]
        assert storage.list_tasks(NAME, "*") == ["data", "model"]

    def test_a_failed_run_is_kept_with_the_traceback(
        self, backend: Any, storage: Any, make: Any
    ) -> None:
        broken = slow_failure().set_name("broken")
        with pytest.raises(CustomError):
            backend.run(make(keep(broken)))
        records = storage.records(NAME)
        kept = records.read(records.names()[-1])
        assert kept["nodes"]["state"] == ["failed", "pending"]
        assert kept["errors"].keys() == {"0"}
        assert kept["ending"] == "failed"
        assert kept["errors"]["0"]["message"].startswith("CustomError: ")
        assert "in slow_failure" in kept["errors"]["0"]["traceback"]
        assert kept["nodes"]["duration"][0] >= FAILS_AFTER_S
        assert kept["nodes"]["started"][0] >= 0

    def test_a_report_is_a_page(self, backend: Any, make: Any, tmp_path: Any) -> None:
        w = make(_pair())
        backend.run(w)
        w.last_run.to_html(tmp_path / "report.html")
        page = (tmp_path / "report.html").read_text()
        assert NAME in page
        assert '"data", "model"' in page
