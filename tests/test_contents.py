"""What is in each wheel and sdist, file by file.

A module that is added, moved or deleted changes its package's list in `contents/`.
"""

import re
import tarfile
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

from distributions import CORE, OTHERS, PACKAGES, ROOT

CONTENTS = Path(__file__).parent / "contents"


def files(wheel):
    """Return a wheel's contents by path, without the version in the paths."""
    with ZipFile(wheel) as archive:
        return {
            re.sub(r"^[^/]+\.dist-info", "dist-info", name): archive.read(name)
            for name in archive.namelist()
        }


def folders(wheel):
    return {PurePosixPath(path).parent for path in files(wheel) if not path.startswith("dist-info")}


@pytest.mark.parametrize("name", PACKAGES)
def test_wheel_holds_exactly_the_listed_files(distributions, name):
    expected = (CONTENTS / f"{name}.txt").read_text().splitlines()
    assert sorted(files(distributions[name].wheel)) == expected


@pytest.mark.parametrize("name", PACKAGES)
def test_wheel_from_the_sdist_equals_the_wheel_from_the_tree(distributions, name):
    built = distributions[name]
    assert files(built.wheel) == files(built.wheel_of_tree)


@pytest.mark.parametrize("name", PACKAGES)
def test_every_distribution_holds_license_and_readme(distributions, name):
    built = distributions[name]
    text = (ROOT / "LICENSE").read_bytes()
    assert files(built.wheel)["dist-info/licenses/LICENSE"] == text
    with tarfile.open(built.sdist) as archive:
        names = {path.partition("/")[2] for path in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= names


@pytest.mark.parametrize("name", OTHERS)
def test_others_ship_only_folders_that_core_does_not(distributions, name):
    """Two wheels with one file overwrite each other's, and uninstalling one breaks the other."""
    packages, of_core = (folders(distributions[owner].wheel) for owner in (name, CORE))
    assert not packages & of_core
    assert {package.parent for package in packages} <= of_core
