"""However the five distributions are installed, they make one import package."""

import json

import pytest

from distributions import CORE, PACKAGES

LEAVES = {
    "functionfuse-storage": [
        "functionfuse.storage.rayfilestorage",
        "functionfuse.storage.s3storage",
        "functionfuse.serializers.daskarray",
    ],
    "functionfuse-ray": ["functionfuse.backends.builtin.rayback"],
    "functionfuse-prefect": ["functionfuse.backends.addons.prefectback"],
    "functionfuse-kfp": [
        "functionfuse.backends.addons.kfpback",
        "functionfuse.backends.addons.kfpcontainer",
    ],
}
ALL = [CORE, *LEAVES]

FIND_LEAVES = """
import json, sys
from importlib.util import find_spec
folders, leaves = map(json.loads, sys.argv[1:])
sys.path += folders
from functionfuse import workflow
print(json.dumps([leaf for leaf in leaves if find_spec(leaf)]))
"""


def found(environment, *folders):
    """Return the distributions whose leaves are all found beside core; runs no leaf."""
    leaves = [leaf for group in LEAVES.values() for leaf in group]
    output = environment.run("-c", FIND_LEAVES, json.dumps(folders), json.dumps(leaves))
    there = json.loads(output)
    return [name for name, group in LEAVES.items() if set(group) <= set(there)]


@pytest.mark.parametrize(
    "editable",
    [
        pytest.param([], id="wheels"),
        pytest.param(ALL, id="editable"),
        pytest.param([CORE], id="core-editable"),
        pytest.param([*LEAVES], id="others-editable"),
    ],
)
def test_all_join(environment, distributions, editable):
    for name in ALL:
        how = ["--editable", PACKAGES[name]] if name in editable else [distributions[name].wheel]
        environment.install("--no-deps", *how)
    assert found(environment) == [*LEAVES]


@pytest.mark.parametrize(
    "in_folder", [pytest.param(ALL, id="all"), pytest.param([*LEAVES], id="others")]
)
def test_target_folder_on_the_path_joins(environment, tmp_path, distributions, in_folder):
    folder = tmp_path / "folder"
    for name in ALL:
        target = ["--target", folder] if name in in_folder else []
        environment.install("--no-deps", *target, distributions[name].wheel)
    assert found(environment, str(folder)) == [*LEAVES]


@pytest.mark.parametrize("removed", LEAVES)
def test_the_rest_stays_when_one_is_uninstalled(environment, distributions, removed):
    environment.install("--no-deps", *(distributions[name].wheel for name in ALL))
    environment.uninstall(removed)
    assert found(environment) == [name for name in LEAVES if name != removed]
