import sys
from pathlib import Path

import pytest

from distributions import PACKAGES, Distribution, Environment, build, run


@pytest.fixture(scope="session")
def distributions(tmp_path_factory) -> dict[str, Distribution]:
    """Every package, built, by its name."""
    return {name: build(folder, tmp_path_factory.mktemp(name)) for name, folder in PACKAGES.items()}


@pytest.fixture(scope="session")
def from_wheels(tmp_path_factory, distributions) -> tuple[str, Path]:
    """Options that make each requirement of ours the wheel that was built here."""
    constraints = tmp_path_factory.mktemp("constraints") / "constraints.txt"
    lines = [f"{name} @ {built.wheel.as_uri()}" for name, built in distributions.items()]
    constraints.write_text("\n".join(lines))
    return "--constraint", constraints


@pytest.fixture
def environment(tmp_path) -> Environment:
    """A new virtual environment with nothing in it."""
    run("uv", "venv", "--quiet", "--python", sys.executable, tmp_path / "env")
    return Environment(tmp_path / "env")
