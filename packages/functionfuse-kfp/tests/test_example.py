"""The example of the repository, with its unchanged `pipeline.py`, in containers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import docker_apart
from functionfuse.testing import require

EXAMPLE = Path(__file__).parents[3] / "examples" / "classifiers"
NODES = 61


@pytest.fixture(scope="module")
def sklearn_image(docker_engine):
    packages = ["numpy", "scikit-learn>=1.6"]
    with docker_apart.base_image(docker_engine, "sklearn", packages) as tag:
        yield tag


def test_the_classifiers_run_in_containers_and_are_loaded(sklearn_image, tmp_path):
    for name in ("pipeline.py", "run_kfp.py"):
        shutil.copy(EXAMPLE / name, tmp_path)
    env = {**os.environ, "BASE_IMAGE": sklearn_image}
    require("sklearn")  # The graph is made here, too.
    for counts in (f"{NODES} executed, 0 loaded, 0", f"0 executed, 1 loaded, {NODES - 1}"):
        process = subprocess.run(
            [sys.executable, "run_kfp.py"],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.stdout.endswith(f"nodes: {counts} skipped\n"), process.stderr
        assert "Nearest Neighbors" in process.stdout
