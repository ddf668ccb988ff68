"""What goes into an image, and what its tag is made from."""

from __future__ import annotations

import os
import sys
import tarfile
from pathlib import Path

import pytest

from functionfuse.backends.addons.kfpback._context import Context
from functionfuse.backends.addons.kfpback._files import check_folder, folders_of
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import require

require("docker")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "steps.py").write_text("VALUE = 1\n")
    return tmp_path


def context(folder, values=(), storage=None, left_out=(), base="base"):
    return Context(folder, base, dict(values), storage, list(left_out))


def names(made):
    """Return the names of the files in an image, by the folder that they come into."""
    with made.write() as stream, tarfile.open(fileobj=stream) as archive:
        return {member.name for member in archive if member.isfile()}


def users(folder, **options):
    return {name[4:] for name in names(context(folder, **options)) if name.startswith("app/")}


def test_an_image_holds_the_users_files_functionfuse_and_cloudpickle(folder):
    made = names(context(folder, {"d1": b"pickle"}, b"handle"))
    assert {
        "Dockerfile",
        "app/steps.py",
        "lib/cloudpickle/cloudpickle.py",
        "lib/functionfuse/backends/addons/kfpcontainer/__main__.py",
        "lib/functionfuse/worker.py",
        "storage",
        "values/d1",
    } <= made
    assert all(name.endswith((".py", ".typed")) for name in made if name.startswith("lib/"))


def test_caches_environments_and_secrets_stay_outside(folder):
    for name in (
        ".env",
        ".git/config",
        ".ssh/id_rsa",
        "deep/.aws/credentials",
        "deep/__pycache__/steps.pyc",
        "mine/pyvenv.cfg",
        "mine/lib/module.py",
        "node_modules/a.js",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "deep" / "data.csv").touch()
    assert users(folder) == {"steps.py", "deep/data.csv"}


def test_dockerignore_holds_with_its_exceptions(folder):
    for name in ("a.csv", "b.csv", "notes.md"):
        (folder / name).touch()
    (folder / ".dockerignore").write_text("# data\n*.csv\n!b.csv\n")
    assert users(folder) == {"steps.py", "b.csv", "notes.md"}


def test_a_storage_among_the_users_files_stays_outside(folder):
    (folder / "results" / "w").mkdir(parents=True)
    (folder / "results" / "w" / "node").touch()
    assert users(folder, left_out=[folder / "results"]) == {"steps.py"}
    assert users(folder, left_out=[folder]) == {"steps.py", "results/w/node"}


def test_a_storage_that_is_the_users_folder_leaves_the_files_in_it(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "src").mkdir()
    (folder / "src" / "module.py").touch()
    storage = FileStorage(".")
    for name in ("this", "another w"):
        storage.save(name, "node", 1)
    storage.write_index("another w", [])
    assert users(folder, left_out=folders_of(storage, "this")) == {"steps.py", "src/module.py"}


def test_links_to_folders_are_followed_but_not_in_circles(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "module.py").touch()
    (folder / "package").symlink_to(other)
    (folder / "again").mkdir()
    (folder / "again" / "all").symlink_to(folder)
    (other / "back").symlink_to(folder / "again")
    (folder / "results").symlink_to(tmp_path_factory.mktemp("results"))
    (folder / "results" / "node").touch()
    (folder / "itself").symlink_to(folder / "itself")
    (folder / "nowhere").symlink_to(folder / "absent")
    made = users(folder, left_out=[folder / "results"])
    assert made == {"steps.py", "package/module.py"}


def test_what_can_not_be_read_is_told_unless_it_is_left_out(folder):
    (folder / "closed").mkdir()
    (folder / "closed" / "file").touch()
    (folder / "closed").chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        folder.chmod(0o755)
        for above in list(folder.parents)[:2]:
            above.chmod(0o755)
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionError, match=r"'closed/' can't be read.*\.dockerignore"):
            context(folder)
    finally:
        if is_root:
            os.seteuid(0)
    (folder / ".dockerignore").write_text("closed\n")
    assert users(folder) == {"steps.py"}


def test_nobody_means_to_ship_a_whole_machine_or_home(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    for place in (Path("/"), folder):
        with pytest.raises(ValueError, match=f"it is '{place}': run the workflow in a folder"):
            check_folder(place)
    (folder / ".dockerignore").touch()
    check_folder(folder)


@pytest.mark.parametrize(
    ("files", "requirements"),
    [
        ({}, ""),
        ({"requirements.txt": "numpy\nfunctionfuse-core[kfp]>=0.2\n"}, "numpy\n"),
        ({"requirements.txt": "functionfuse_kfp == 1\nfunctionfuse\n"}, ""),
        ({"requirements.txt": "functionfusion\n"}, "functionfusion\n"),
        ({"requirements.txt": "functionfuse-core==1 \\\n  --hash=sha256:1\na\n"}, "a\n"),
        (
            {"pyproject.toml": '[project]\ndependencies = ["numpy>=2", "functionfuse-core"]\n'},
            "numpy>=2\n",
        ),
        ({"pyproject.toml": "[tool.x]\n"}, ""),
        (
            {"pyproject.toml": '[project]\ndependencies = ["a"]\n', "requirements.txt": "b\n"},
            "b\n",
        ),
    ],
)
def test_what_is_installed_is_listed_without_functionfuse(folder, files, requirements):
    for name, text in files.items():
        (folder / name).write_text(text)
    made = context(folder)
    assert made.requirements == requirements
    assert ("pip" in made.dockerfile) == bool(requirements)


def test_requirements_that_others_include_are_listed_with_them(folder):
    (folder / "more").mkdir()
    (folder / "more" / "a.txt").write_text("numpy\n--requirement=b.txt\n")
    (folder / "more" / "b.txt").write_text("scipy  # see docs/all\nfunctionfuse-core\n")
    (folder / "requirements.txt").write_text("-r more/a.txt\n\n# and/or\npandas\n")
    assert context(folder).requirements == "numpy\nscipy  # see docs/all\n\n# and/or\npandas\n"


@pytest.mark.parametrize(
    "line",
    [
        "-r absent.txt",
        "-c constraints.txt",
        "--constraint=constraints.txt",
        "-e .",
        "./package",
        "wheels/a-1-py3-none-any.whl  # mine",
        "a-1-py3-none-any.whl",
        "package @ file:./package",
        "--find-links wheels",
    ],
)
def test_requirements_that_name_files_of_the_directory_are_refused(folder, line):
    (folder / "requirements.txt").write_text(f"numpy\n{line}\n")
    with pytest.raises(ValueError, match="names a file, and those of the directory") as caught:
        context(folder)
    assert repr(line) in str(caught.value)


def test_requirements_that_name_files_of_the_base_image_and_addresses_are_listed(folder):
    text = (
        "--index-url https://example.com/simple\n--find-links /wheels\n-c /constraints.txt\n"
        "-e git+https://example.com/a/b\na @ https://example.com/a.whl\n--no-index\nb[c]>=1 ; d\n"
    )
    (folder / "requirements.txt").write_text(text)
    assert context(folder).requirements == text


def test_requirements_are_installed_before_any_code_comes(folder):
    (folder / "requirements.txt").write_text("numpy\n")
    recipe = context(folder).dockerfile
    assert recipe.index("pip") < recipe.index("COPY lib") < recipe.index("COPY app")


def test_the_same_content_has_the_same_digest_whenever_it_was_written(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "steps.py").write_text("VALUE = 1\n")
    assert context(folder).digest() == context(other).digest()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "steps.py").write_text("VALUE = 2\n"),
        lambda folder: (folder / "steps.py").rename(folder / "others.py"),
        lambda folder: (folder / "steps.py").chmod(0o755),
        lambda folder: (folder / "requirements.txt").write_text("numpy\n"),
    ],
)
def test_other_content_has_another_digest(folder, change):
    before = context(folder).digest()
    change(folder)
    assert context(folder).digest() != before


@pytest.mark.parametrize(
    "options", [{"values": {"d1": b""}}, {"storage": b"handle"}, {"base": "other"}]
)
def test_values_storage_and_base_count(folder, options):
    assert context(folder, **options).digest() != context(folder).digest()


def test_a_pickle_counts_by_its_name(folder):
    """Its bytes differ from process to process."""
    one, other = ({"d1": data} for data in (b"one", b"other"))
    assert context(folder, one).digest() == context(folder, other).digest()


def test_modules_are_looked_for_where_they_are_now(folder, monkeypatch):
    (folder / "src").mkdir()
    monkeypatch.setattr(sys, "path", [str(folder / "src"), "/elsewhere", "", *sys.path])
    monkeypatch.chdir(folder)
    recipe = context(Path.cwd()).dockerfile
    assert '"/functionfuse/app:/functionfuse/app/src:/functionfuse/lib"$' in recipe


def test_names_of_folders_are_no_recipe(folder, monkeypatch):
    strange = folder / 'a "b" $HOME'
    strange.mkdir()
    monkeypatch.setattr(sys, "path", [str(strange), *sys.path])
    assert r":/functionfuse/app/a \"b\" \$HOME:" in context(folder).dockerfile


def test_nothing_is_written_into_the_users_folder(folder):
    before = sorted(folder.rglob("*"))
    made = context(folder)
    made.digest()
    made.write().close()
    assert sorted(folder.rglob("*")) == before
