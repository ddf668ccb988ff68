"""What a storage does, in SQLite."""

from __future__ import annotations

import pytest

from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.storage import storage_factory
from functionfuse.testing import Backend, StorageTests
from functionfuse.testing.reuse_tests import ReuseTests
from functionfuse_sqlite import SQLiteStorage


class TestSQLite(StorageTests):
    @pytest.fixture
    def storage(self, tmp_path):
        return SQLiteStorage(tmp_path / "results.db")


class TestReuse(ReuseTests):
    @pytest.fixture
    def backend(self):
        return Backend(LocalWorkflow)

    @pytest.fixture
    def storage(self, tmp_path):
        return storage_factory({"kind": "sqlite", "options": {"path": tmp_path / "results.db"}})


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(OSError, match="can't write results"):
        SQLiteStorage(tmp_path).new_workflow("w")
