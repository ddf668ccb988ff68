"""The conformance suite for storages."""

from __future__ import annotations

import pickle
import threading
from typing import Any

import pytest

from functionfuse.testing.functions import Point

__all__ = ["StorageTests"]

NAMES = [
    "model",
    "score, digits, Nearest Neighbors",
    "a/b",
    "..",
    ".",
    "",
    ".hidden",
    "NUL\0inside",
    "CON",
    "con.txt",
    "trailing.",
    "trailing ",
    "n" * 300,
    "n" * 299 + "m",
    "é",
    "e\u0301",
    "模型",
    "\ud800",
    "100%",
    "%2F",
    "*?[a]",
    "line\nbreak",
    'quotes"<>|:\\',
]


class StorageTests:
    """What every storage does; inherit it and give the fixture `storage`, an empty one."""

    @pytest.fixture
    def storage(self) -> Any:
        """Return an empty storage."""
        pytest.fail("a subclass of StorageTests gives a fixture 'storage'")

    @pytest.mark.parametrize(
        "value",
        [None, 0, "", [], False, {"a": [1, (2, {3})]}, Point(1, 2), b"x" * 100_000, 1 << 200],
        ids=lambda value: type(value).__name__,
    )
    def test_what_is_saved_is_read(self, storage: Any, value: Any) -> None:
        storage.save("w", "task", value)
        assert storage.read_task("w", "task") == value
        assert type(storage.read_task("w", "task")) is type(value)

    def test_workflows_with_results_are_listed(self, storage: Any) -> None:
        assert storage.list_workflows() == []
        for workflow_name in ("second w", "first/w"):
            storage.new_workflow(workflow_name)
            storage.save(workflow_name, "task", 1)
        assert storage.list_workflows() == ["first/w", "second w"]
        storage.remove_workflow("first/w")
        assert storage.list_workflows() == ["second w"]

    def test_a_large_buffer_is_read_writable(self, storage: Any) -> None:
        value = {"array": bytearray(range(256)) * 40_000, "size": 10_240_000}
        storage.save("w", "large", value)
        read = storage.read_task("w", "large")
        assert read == value
        read["array"][0] = 7
        assert storage.read_task("w", "large") == value
        assert storage.read_task("w", "large", verify=False) == value

    @pytest.mark.parametrize("name", NAMES, ids=ascii)
    def test_names_of_any_text_are_kept(self, storage: Any, name: str) -> None:
        storage.save("w", name, "value")
        storage.save(name, "task", "other value")
        assert storage.read_task("w", name) == "value"
        assert storage.read_task(name, "task") == "other value"
        assert storage.file_exists("w", name)
        assert storage.list_tasks("w", "*") == [name]

    def test_names_of_any_text_do_not_meet(self, storage: Any) -> None:
        names = [*NAMES, "Model", "MODEL", "É"]
        for name in names:
            storage.save("w", name, name)
        assert storage.list_tasks("w", "*") == sorted(names)
        assert [storage.read_task("w", name) for name in names] == names

    def test_saving_again_replaces(self, storage: Any) -> None:
        storage.save("w", "task", 1)
        storage.save("w", "task", 2)
        assert storage.read_task("w", "task") == 2
        assert storage.list_tasks("w", "*") == ["task"]

    def test_what_cannot_be_pickled_leaves_the_earlier_result(self, storage: Any) -> None:
        storage.save("w", "task", 1)
        with pytest.raises(TypeError):
            storage.save("w", "task", threading.Lock())
        assert storage.read_task("w", "task") == 1

    def test_list_tasks_matches_patterns_with_case(self, storage: Any) -> None:
        for name in ("model 1", "model 2", "Model 3", "data"):
            storage.save("w", name, 0)
        assert storage.list_tasks("w", "*") == ["Model 3", "data", "model 1", "model 2"]
        assert storage.list_tasks("w", "model*") == ["model 1", "model 2"]
        assert storage.list_tasks("w", "m?del [2-9]") == ["model 2"]
        assert storage.list_tasks("w", "none") == []

    def test_an_absent_workflow_has_no_tasks(self, storage: Any) -> None:
        assert storage.list_tasks("absent", "*") == []
        assert not storage.file_exists("absent", "task")
        storage.remove_workflow("absent")
        storage.remove_task("absent", pattern="*")

    def test_workflows_do_not_mix(self, storage: Any) -> None:
        storage.save("w", "task", 1)
        storage.save("v", "task", 2)
        storage.remove_workflow("v")
        assert storage.list_tasks("v", "*") == []
        assert storage.read_task("w", "task") == 1

    def test_new_workflow_keeps_what_is_saved(self, storage: Any) -> None:
        storage.new_workflow("w")
        assert storage.list_tasks("w", "*") == []
        storage.save("w", "task", 1)
        storage.new_workflow("w")
        assert storage.read_task("w", "task") == 1

    def test_tasks_are_removed_by_name_or_pattern(self, storage: Any) -> None:
        for name in ("a1", "a2", "b1", "b2"):
            storage.save("w", name, 0)
        storage.remove_task("w", "b1")
        storage.remove_task("w", pattern="a*")
        storage.remove_task("w", "b2", pattern="none")
        assert storage.list_tasks("w", "*") == ["b2"]
        assert not storage.file_exists("w", "a1")

    def test_what_is_absent_is_an_error_naming_it(self, storage: Any) -> None:
        with pytest.raises(FileNotFoundError, match="'absent'"):
            storage.read_task("w", "absent")
        with pytest.raises(FileNotFoundError, match="'absent'"):
            storage.remove_task("w", "absent")
        with pytest.raises(FileNotFoundError, match="'absent'"):
            storage.read_header("w", "absent")

    def test_removing_nothing_in_particular_is_refused(self, storage: Any) -> None:
        storage.save("w", "task", 1)
        with pytest.raises(ValueError, match="pattern"):
            storage.remove_task("w")
        assert storage.file_exists("w", "task")

    @pytest.mark.parametrize("name", [None, 3, b"bytes"], ids=repr)
    def test_names_that_are_no_text_are_refused(self, storage: Any, name: Any) -> None:
        with pytest.raises(TypeError, match="text"):
            storage.save("w", name, 1)
        with pytest.raises(TypeError, match="text"):
            storage.save(name, "task", 1)

    def test_the_header_tells_what_the_result_is(self, storage: Any) -> None:
        storage.save("w", "task", 1, fingerprint={"digest": "ab"}, started=1e9, duration=0.5)
        header = storage.read_header("w", "task")
        assert header.task == "task"
        assert (header.started, header.duration) == (1e9, 0.5)
        assert header.fingerprint == {"digest": "ab"}
        assert header.python.count(".") == 2

    def test_a_listing_tells_what_is_saved(self, storage: Any) -> None:
        storage.save("w", "task", 1, fingerprint={"digest": "ab", "data_digest": "cd"})
        storage.save("w", "by hand", 2)
        first = storage.list_saved("w")
        assert set(first.saved) == {"task", "by hand"}
        assert (first.saved["task"].digest, first.saved["task"].data_digest) == ("ab", "cd")
        storage.write_index("w", first.saved.values())
        second = storage.list_saved("w")
        assert second.saved == first.saved
        assert (first.is_indexed, second.is_indexed) == (False, True)

    def test_an_index_that_fell_behind_is_not_believed(self, storage: Any) -> None:
        storage.save("w", "task", 1, fingerprint={"digest": "old"})
        storage.save("w", "gone", 1)
        storage.write_index("w", storage.list_saved("w").saved.values())
        storage.save("w", "task", 2, fingerprint={"digest": "new"})
        storage.remove_task("w", "gone")
        saved = storage.list_saved("w").saved
        assert {name: entry.digest for name, entry in saved.items()} == {"task": "new"}

    def test_a_handle_goes_to_other_processes(self, storage: Any) -> None:
        storage.save("w", "task", 1)
        storage.always_read = True
        handle = pickle.loads(pickle.dumps(storage))
        assert handle.read_task("w", "task") == 1
        assert handle.always_read
        handle.save("w", "other", 2)
        assert storage.read_task("w", "other") == 2

    def test_always_read_is_off_until_set(self, storage: Any) -> None:
        assert storage.always_read is False
        storage.always_read = True
        assert storage.always_read is True

    def test_many_writers_of_one_task_leave_one_whole_result(self, storage: Any) -> None:
        values = [bytes([i]) * 300_000 for i in range(6)]
        threads = [
            threading.Thread(target=storage.save, args=("w", "task", value)) for value in values
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert storage.read_task("w", "task") in values
        assert storage.list_tasks("w", "*") == ["task"]
