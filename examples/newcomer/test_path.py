"""A newcomer's path from nothing to a report is what README.md shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("examples/newcomer", "packages/functionfuse-core")
FORMS = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d": "DATE",
    r"Python 3\.\d+\.\d+": "PYTHON",
    r"\d+\.\d+ s\b": "DURATION",
}


def forms_of(text):
    """Return a text with what differs from run to run by its form."""
    for pattern, form in FORMS.items():
        text = re.sub(pattern, form, text)
    return text.strip().splitlines()


@pytest.fixture
def repository(tmp_path):
    """Return a copy of what the path needs of the repository."""
    made = shutil.ignore_patterns("__pycache__")
    for folder in NEEDED:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=made)
    shutil.rmtree(tmp_path / "examples/newcomer/storage", ignore_errors=True)
    return tmp_path


def test_the_readme_shows_what_happens(repository):
    env = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    command = ["bash", "examples/newcomer/path.sh"]
    done = subprocess.run(
        command, cwd=repository, env=env, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert (repository / "examples/newcomer/report.html").stat().st_size > 10_000
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    shown = [block for block in blocks if "functionfuse why" in block]
    assert shown, f"README.md shows no path; it is:\n{done.stdout}"
    assert forms_of(shown[0]) == forms_of(done.stdout)
