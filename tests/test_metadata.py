"""What the distributions say about themselves, and what core imports."""

import re
import sys
from email.parser import Parser
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from distributions import CORE, PACKAGES

EXTRAS = {"ray", "prefect", "kfp", "s3", "storage", "dask", "all", "progress", "testing"}


def metadata(wheel):
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


@pytest.mark.parametrize("name", PACKAGES)
def test_version_is_the_newest_of_the_changelog(distributions, name):
    changelog = (PACKAGES[name] / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)[1]
    assert metadata(distributions[name].wheel)["Version"] == newest


@pytest.mark.parametrize("name", PACKAGES)
def test_license_and_pythons(distributions, name):
    found = metadata(distributions[name].wheel)
    assert (found["License-Expression"], found["Requires-Python"]) == ("Apache-2.0", ">=3.10")


def test_core_depends_on_nothing_without_an_extra(distributions):
    found = metadata(distributions[CORE].wheel)
    assert set(found.get_all("Provides-Extra")) == EXTRAS
    requirements = map(Requirement, found.get_all("Requires-Dist"))
    assert not [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]


@pytest.mark.parametrize("name", PACKAGES)
def test_requirements_have_lower_bounds(distributions, name):
    """Without one, the resolver picks ancient releases."""
    found = metadata(distributions[name].wheel).get_all("Requires-Dist")
    requirements = [r for r in map(Requirement, found) if r.name != name]
    assert not [str(r) for r in requirements if ">=" not in str(r.specifier)]


def test_frontend_imports_the_standard_library_only(environment, distributions):
    environment.install(distributions[CORE].wheel)
    code = "import sys; from functionfuse import workflow; print(*sys.modules)"
    before = environment.run("-c", "import sys; print(*sys.modules)").split()
    added = set(environment.run("-c", code).split()) - set(before)
    top_levels = {module.partition(".")[0] for module in added}
    assert top_levels - sys.stdlib_module_names == {"functionfuse"}
