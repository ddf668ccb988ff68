"""The distributions as built files, and clean environments to install them in."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = {folder.name: folder for folder in sorted(ROOT.glob("packages/*"))}
CORE = "functionfuse-core"
OTHERS = [name for name in PACKAGES if name != CORE]


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command and return what it prints; its output tells why when it fails."""
    process = subprocess.run(
        command, cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert process.returncode == 0, process.stdout
    return process.stdout


@dataclass(frozen=True)
class Distribution:
    """One package's built files."""

    sdist: Path
    wheel: Path
    """Built from the sdist."""
    wheel_of_tree: Path


@dataclass(frozen=True)
class Environment:
    """A virtual environment, for one test."""

    path: Path

    @property
    def python(self) -> Path:
        return self.path / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    def install(self, *arguments: str | Path) -> None:
        run("uv", "pip", "install", "--quiet", "--python", self.python, *arguments)

    def uninstall(self, package: str) -> None:
        run("uv", "pip", "uninstall", "--quiet", "--python", self.python, package)

    def run(self, *arguments: str | Path) -> str:
        """Run Python in the environment, from a folder without the project's sources."""
        return run(self.python, *arguments, cwd=self.path)


def build(folder: Path, out: Path) -> Distribution:
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir")
    run(*command, out, folder)
    run(*command, out / "tree", "--wheel", folder)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    return Distribution(sdist, wheel, out / "tree" / wheel.name)
