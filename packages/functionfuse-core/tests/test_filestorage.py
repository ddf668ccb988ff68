"""FileStorage: the conformance suite, and what is special to files."""

from __future__ import annotations

import os
import pickle
import resource
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from functionfuse.errors import DamagedResultError
from functionfuse.storage.filestorage import (
    ABANDONED_AFTER_S,
    MAPPED_BYTES,
    FileKeeper,
    FileStorage,
)
from functionfuse.storage.keeper import Keeper
from functionfuse.testing import StorageTests

LARGE = 2 * MAPPED_BYTES


class TestFileStorage(StorageTests):
    @pytest.fixture
    def storage(self, tmp_path):
        return FileStorage(tmp_path / "storage")


class TestFileStorageWhereCaseIsFolded(StorageTests):
    """A storage that finds its own folder under another case, as on such a file system."""

    @pytest.fixture
    def storage(self, tmp_path):
        (tmp_path / ".functionfuse").mkdir()
        (tmp_path / ".FUNCTIONFUSE").symlink_to(tmp_path / ".functionfuse")
        return FileStorage(tmp_path)

    def test_file_names_differ_by_more_than_case(self, storage, tmp_path):
        for name in ("Model", "model", "É", "é", "n" * 300, "N" * 300):
            storage.save(name, name, 1)
        names = [path.name for path in tmp_path.iterdir() if path.name[0] != "."]
        assert len({name.lower() for name in names}) == 6


@pytest.fixture
def storage(tmp_path):
    return FileStorage(tmp_path / "storage")


@pytest.fixture
def mount(tmp_path):
    """Mount a file system, such as a small or a read-only one."""
    path = tmp_path / "mounted"
    path.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(path)]
        if not sys.platform.startswith("linux") or os.getuid() != 0 or not shutil.which("mount"):
            pytest.skip("only root on Linux may mount a file system")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"mount failed: {done.stderr.strip()}")
        return path

    yield mount
    if path.is_mount():
        subprocess.run(["umount", "-l", str(path)], check=True)


def run_python(script, *arguments):
    """Run a script in another Python; return what it prints."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def names_in(path):
    return [entry.name for entry in Path(path).iterdir()]


def files_under(path):
    return {str(p.relative_to(path)) for p in Path(path).rglob("*") if p.is_file()}


# The path


def test_a_path_that_is_a_file_is_refused(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(NotADirectoryError, match="file' is a file"):
        FileStorage(path)


@pytest.mark.parametrize("path", [None, 3, b"bytes", ["list"]], ids=repr)
def test_what_is_no_path_is_refused(path):
    with pytest.raises(TypeError, match="folder, got"):
        FileStorage(path)


def test_an_empty_path_is_refused():
    with pytest.raises(ValueError, match="folder, got ''"):
        FileStorage("")


def test_making_a_storage_and_reading_from_it_makes_no_folder(tmp_path):
    storage = FileStorage(tmp_path / "absent" / "storage")
    assert storage.list_tasks("w", "*") == []
    assert storage.list_saved("w").saved == {}
    assert not storage.file_exists("w", "task")
    storage.remove_workflow("w")
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_is_kept_when_the_directory_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = FileStorage("storage")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    storage.save("w", "task", 1)
    assert pickle.loads(pickle.dumps(storage)).read_task("w", "task") == 1
    assert (tmp_path / "storage" / "w" / "task").is_file()


def test_results_are_files_of_their_names_and_nothing_stands_beside_them(storage, tmp_path):
    storage.save("my workflow", "score, digits", 1)
    storage.write_index("my workflow", storage.list_saved("my workflow").saved.values())
    assert files_under(tmp_path / "storage") == {
        "my workflow/score, digits",
        ".functionfuse/my workflow/index",
    }


def test_a_workflow_may_be_called_as_the_folder_of_notes(storage):
    for name in (".functionfuse", ".FunctionFuse", ".functionfuse/tmp", "../w", "/etc"):
        storage.save(name, "task", name)
        assert storage.read_task(name, "task") == name
        assert storage.list_tasks(name, "*") == ["task"]
    assert storage.list_tasks("tmp", "*") == []


# What is in the folder


def test_foreign_files_and_folders_are_no_results(storage, tmp_path):
    storage.save("w", "task", 1)
    folder = tmp_path / "storage" / "w"
    names = [".DS_Store", ".nfs0001", "%FF", "%2f", "%41", "n%~0123", "e\u0301"]
    for name in (*names, os.fsdecode(b"\xff")):
        (folder / name).write_bytes(b"foreign")
    (folder / "subfolder").mkdir()
    assert storage.list_tasks("w", "*") == ["task"]
    listing = storage.list_saved("w")
    assert (set(listing.saved), set(listing.damaged)) == ({"task"}, set())
    storage.remove_task("w", pattern="*")
    assert storage.list_tasks("w", "*") == []
    assert len(list(folder.iterdir())) == 9


def test_a_foreign_file_of_a_tasks_name_is_a_damaged_result(storage, tmp_path):
    storage.new_workflow("w")
    (tmp_path / "storage" / "w" / "notes.txt").write_text("remember the milk")
    assert storage.list_tasks("w", "*") == ["notes.txt"]
    with pytest.raises(DamagedResultError, match=r"starts with b're'"):
        storage.read_task("w", "notes.txt")
    storage.save("w", "notes.txt", 1)
    assert storage.read_task("w", "notes.txt") == 1


def test_a_folder_of_a_tasks_name_is_no_result(storage, tmp_path):
    (tmp_path / "storage" / "w" / "task").mkdir(parents=True)
    assert not storage.file_exists("w", "task")
    with pytest.raises(FileNotFoundError, match="'task'"):
        storage.read_task("w", "task")
    with pytest.raises(OSError, match="can't write") as caught:
        storage.save("w", "task", 1)
    assert str(tmp_path / "storage" / "w" / "task") in str(caught.value)
    assert list((tmp_path / "storage" / ".functionfuse" / "tmp").iterdir()) == []


def test_a_file_of_a_workflows_name_is_no_workflow(storage, tmp_path):
    (tmp_path / "storage").mkdir()
    (tmp_path / "storage" / "w").write_text("")
    assert storage.list_tasks("w", "*") == []
    assert not storage.file_exists("w", "task")
    with pytest.raises(OSError, match="can't write"):
        storage.save("w", "task", 1)
    with pytest.raises(OSError, match="can't write"):
        storage.new_workflow("w")


def test_a_result_moved_to_another_name_is_refused(storage, tmp_path):
    storage.save("w", "a", 1)
    folder = tmp_path / "storage" / "w"
    (folder / "a").rename(folder / "b")
    with pytest.raises(DamagedResultError, match=r"w/b in .* is the result of another node, 'a'"):
        storage.read_task("w", "b")
    listing = storage.list_saved("w")
    assert (set(listing.saved), set(listing.damaged)) == (set(), {"b"})


def test_long_names_are_cut_in_files_only(storage, tmp_path):
    names = ["n" * 300 + end for end in "ab"]
    for name in names:
        storage.save("w", name, name)
    assert all(len(name) <= 200 for name in names_in(tmp_path / "storage" / "w"))
    assert storage.list_tasks("w", "*a") == names[:1]
    assert set(storage.list_saved("w").saved) == set(names)
    storage.write_index("w", storage.list_saved("w").saved.values())
    assert set(storage.list_saved("w").saved) == set(names)
    storage.remove_task("w", names[0])
    assert storage.list_tasks("w", "*") == names[1:]


def test_half_written_files_are_never_listed(storage):
    storage.new_workflow("w")
    seen = []

    class Watching:
        def __reduce__(self):
            seen.append(storage.list_tasks("w", "*"))
            return int, ()

    storage.save("w", "task", [Watching(), np.zeros(LARGE)])
    assert seen == [[]]
    assert storage.list_tasks("w", "*") == ["task"]


def test_abandoned_temporary_files_are_removed_and_younger_ones_kept(storage, tmp_path):
    storage.new_workflow("w")
    folder = tmp_path / "storage" / ".functionfuse" / "tmp"
    for name, age in (("old", 2 * ABANDONED_AFTER_S), ("young", ABANDONED_AFTER_S / 2)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    (folder / "folder").mkdir()
    os.utime(folder / "folder", (0, 0))
    storage.new_workflow("w")
    assert {path.name for path in folder.iterdir()} == {"young", "folder"}


def test_a_removed_folder_is_made_again(storage, tmp_path):
    storage.save("w", "task", 1)
    shutil.rmtree(tmp_path / "storage")
    storage.save("w", "task", 2)
    assert storage.read_task("w", "task") == 2


# Places that can't be written


def test_a_read_only_file_system_is_an_error_at_once_and_can_be_read(mount):
    path = mount("size=1m")
    FileStorage(path).save("w", "task", 1)
    subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)
    storage = FileStorage(path)
    assert storage.read_task("w", "task") == 1
    assert set(storage.list_saved("w").saved) == {"task"}
    for failing in (lambda: storage.new_workflow("w"), lambda: storage.save("w", "task", 2)):
        with pytest.raises(OSError, match=f"can't write.*{path}"):
            failing()
    assert storage.read_task("w", "task") == 1


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc")
def test_a_place_where_no_folder_can_be_made_is_an_error_at_once():
    storage = FileStorage("/proc/self/functionfuse")
    for failing in (lambda: storage.new_workflow("w"), lambda: storage.save("w", "task", 2)):
        with pytest.raises(OSError, match="can't write results under '/proc/self/functionfuse'"):
            failing()


def test_a_full_disk_is_an_error_that_leaves_the_earlier_result(mount):
    path = mount("size=2m")
    storage = FileStorage(path)
    storage.save("w", "task", "earlier")
    for _ in range(2):
        with pytest.raises(OSError, match=f"can't write '{path}/w/task': No space left"):
            storage.save("w", "task", np.random.default_rng(0).random(1_000_000))
    assert storage.read_task("w", "task") == "earlier"
    assert files_under(path) == {"w/task"}
    storage.save("w", "task", "later")
    assert storage.read_task("w", "task") == "later"


@pytest.mark.parametrize("size", [70_000, 3_000_000])
def test_a_result_over_the_limit_of_a_files_size_leaves_nothing(storage, tmp_path, size):
    storage.save("w", "task", "earlier")
    output = run_python(
        """
        import resource, sys
        from functionfuse.storage.filestorage import FileStorage
        storage = FileStorage(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        for name in ("task", "new"):
            try:
                storage.save("w", name, bytearray(int(sys.argv[2])))
            except OSError as error:
                print(error)
        """,
        tmp_path / "storage",
        size,
    )
    lines = output.splitlines()
    assert len(lines) == 2
    assert f"can't write '{tmp_path}/storage/w/task': File too large" in lines[0]
    assert storage.read_task("w", "task") == "earlier"
    assert files_under(tmp_path / "storage") == {"w/task"}


# Other processes


def test_processes_that_write_one_task_at_once_leave_one_whole_result(storage, tmp_path):
    script = """
        import sys
        import numpy as np
        from functionfuse.storage.filestorage import FileStorage
        storage = FileStorage(sys.argv[1])
        sys.stdin.readline()
        for i in range(30):
            storage.save("w", "task", np.full(200_000, int(sys.argv[2])))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path / "storage")]
    writers = [subprocess.Popen([*command, str(i)], stdin=subprocess.PIPE) for i in range(3)]
    for writer in writers:
        writer.stdin.write(b"go\n")
        writer.stdin.close()
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if storage.file_exists("w", "task"):
            seen |= set(np.unique(storage.read_task("w", "task")))
            assert storage.list_tasks("w", "*") == ["task"]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    value = storage.read_task("w", "task")
    assert len(np.unique(value)) == 1
    assert seen <= {0, 1, 2}
    assert files_under(tmp_path / "storage") == {"w/task"}


def test_a_handle_works_in_another_process(storage, tmp_path):
    storage.save("w", "task", [1, 2])
    (tmp_path / "handle").write_bytes(pickle.dumps(storage))
    output = run_python(
        """
        import pickle, sys
        with open(sys.argv[1], "rb") as file:
            storage = pickle.load(file)
        storage.save("w", "other", storage.read_task("w", "task") + [3])
        print(storage)
        """,
        tmp_path / "handle",
    )
    assert output.strip() == repr(storage) == f"FileStorage('{tmp_path}/storage')"
    assert storage.read_task("w", "other") == [1, 2, 3]


def test_a_handle_is_small(storage):
    storage.save("w", "task", bytes(100_000))
    assert len(pickle.dumps(storage)) < 500


# Mapped results


@pytest.mark.parametrize("verify", [True, False])
def test_a_mapped_result_survives_replacement_and_removal(storage, verify):
    storage.save("w", "task", np.zeros(LARGE))
    first = storage.read_task("w", "task", verify=verify)
    storage.save("w", "task", np.ones(LARGE))
    second = storage.read_task("w", "task", verify=verify)
    storage.remove_workflow("w")
    assert first.sum() == 0
    assert second.sum() == LARGE


def test_writing_into_a_mapped_result_changes_nothing_stored(storage):
    storage.save("w", "task", np.zeros(LARGE))
    first = storage.read_task("w", "task")
    first[:] = 7
    assert storage.read_task("w", "task").sum() == 0
    assert first.sum() == 7 * LARGE


@pytest.mark.parametrize("nbytes", range(MAPPED_BYTES - 600, MAPPED_BYTES + 601, 150))
def test_results_about_the_size_from_which_files_are_mapped_are_alike(storage, nbytes):
    value = np.arange(nbytes - 300, dtype=np.uint8)
    storage.save("w", "task", value)
    read = storage.read_task("w", "task")
    assert (read == value).all()
    read[0] = 1


def test_thousands_of_large_results_may_be_held_at_once(storage):
    """Each mapping holds a descriptor: the process must not run out of them."""
    storage.save("w", "task", np.ones(LARGE // 8))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = len(names_in("/dev/fd")) + 60
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        held = [storage.read_task("w", "task") for _ in range(2 * few)]
        storage.save("w", "task", np.ones(1))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {array.sum() for array in held} == {LARGE // 8}


def test_a_truncated_large_result_is_found(storage, tmp_path):
    storage.save("w", "task", np.zeros(LARGE))
    path = tmp_path / "storage" / "w" / "task"
    data = path.read_bytes()
    for length in (0, 1, 100, 5000, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        for verify in (True, False):
            with pytest.raises(DamagedResultError, match="w/task in FileStorage"):
                storage.read_task("w", "task", verify=verify)


# Interruption


def test_an_interrupted_save_leaves_nothing(storage, tmp_path):
    storage.new_workflow("w")

    class Interrupting:
        def __reduce__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        storage.save("w", "task", [np.zeros(LARGE), Interrupting()])
    assert files_under(tmp_path / "storage") == set()


def test_threads_may_read_and_write_at_once(storage):
    storage.save("w", "task", np.zeros(LARGE))
    errors = []

    def work(number):
        try:
            for _ in range(10):
                storage.save("w", "task", np.full(LARGE // 4, number))
                assert len(np.unique(storage.read_task("w", "task"))) == 1
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_heads_of_many_are_read_without_those_that_are_absent(storage):
    for name in ("a", "b"):
        storage.save("w", name, name)
    heads = storage._keeper.read_heads(["w/b", "w/absent", "w/a", "absent/a"], 8)
    assert {key: bytes(head[1:5]) for key, head in heads.items()} == {
        "w/b": b"fuse",
        "w/a": b"fuse",
    }


def test_workflows_are_listed_with_their_results(tmp_path):
    storage = FileStorage(tmp_path / "storage")
    assert storage.list_workflows() == []
    long = "x" * 300
    for workflow_name in ("w", "a/b", "", long):
        storage.save(workflow_name, "task", 1)
    storage.save("w", long, 2)
    names = storage.list_workflows()
    assert names[:2] + names[2:3] == ["", "a/b", "w"]
    assert names[3].startswith("xxx")
    sizes = storage.list_sizes("w")
    assert list(sizes) == ["task", long]
    assert sizes["task"] == (tmp_path / "storage" / "w" / "task").stat().st_size
    assert storage.list_sizes("absent") == {}


def test_contents_are_shown_as_far_as_a_screen_goes(tmp_path):
    storage = FileStorage(tmp_path / "storage")
    for i in range(12):
        storage.save("many", f"task {i:02}", bytes(10_000))
    html = storage._repr_html_()
    assert "<td>many</td><td>12</td><td>12" in html
    assert "task 09, …" in html
    for i in range(60):
        storage.save(f"w{i}", "task", 1)
    assert "and 11 more" in storage._repr_html_()


def test_a_storage_that_cannot_list_its_workflows_shows_as_text(tmp_path, monkeypatch):
    storage = FileStorage(tmp_path)
    monkeypatch.setattr(FileKeeper, "folders", Keeper.folders)
    with pytest.raises(NotImplementedError, match="FileKeeper can't tell which workflows"):
        storage.list_workflows()
    assert storage._repr_html_() is None
