"""Everything that is run on this repository: ``nox -l`` lists it."""

from __future__ import annotations

import platform
import shutil
import signal
from itertools import chain
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.reuse_venv = "yes"
nox.options.sessions = [
    *("lint", "typing", "demo", "bench-quick", "wheels", "docs", "examples", "tests")
]

# What is started in the background ignores Ctrl-C, and so would the tests that send it.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent
GROUPS = nox.project.load_toml(ROOT / "pyproject.toml")
PROJECTS = {
    path.parent.name: nox.project.load_toml(path)["project"]
    for path in sorted(ROOT.glob("packages/*/pyproject.toml"))
}
CORE = "functionfuse-core"
PYTHONS = nox.project.python_versions({"project": PROJECTS[CORE]})
TESTED_EXTRAS = {CORE: "[testing]", "functionfuse-storage": "[dask,ray,s3]"}
MEASURED = [
    "-epackages/functionfuse-core",
    "-epackages/functionfuse-storage[ray,s3]",
    "-epackages/functionfuse-ray",
    "-epackages/functionfuse-prefect",
    "-epackages/functionfuse-kfp",
]
ALSO_TESTED_WITH = {
    "functionfuse-kfp": ["functionfuse-storage"],
    "functionfuse-prefect": ["functionfuse-storage"],
}
# Ray collects garbage in a thread of its own, in which some of other libraries' objects crash.
APART = {"functionfuse-storage": ["test_rayfilestorage.py"]}
IN_A_BROWSER = "test_report_page.py"
"""Tests of core that no Python makes a difference to: one runs them."""

PAGES = {
    "functionfuse-kfp": ["docs/backends/kfp.md"],
    "functionfuse-prefect": ["docs/backends/prefect.md", "README.md"],
    "functionfuse-ray": ["docs/backends/ray.md", "README.md"],
    "functionfuse-storage": ["docs/storages/s3.md", "docs/storages/ray.md"],
}
"""Pages that need a package's engine: its tests run them. The session docs runs all others."""
OF_OTHERS = [
    f"-epackages/{CORE}[progress,testing]",
    "-eexamples/dask-backend",
    "-eexamples/sqlite-storage",
]
NO_TESTS = 5
"""What pytest ends with where it finds none, as in a package without doctests."""
THIS_PYTHON = ".".join(platform.python_version_tuple()[:2])


def group(name: str) -> tuple[str, ...]:
    """Return the requirements in a dependency group of the root's pyproject.toml."""
    return nox.project.dependency_groups(GROUPS, name)


def editable(package: str) -> list[str]:
    """Return the options that install a package, and those of ours that it needs, for its tests."""
    also = ALSO_TESTED_WITH.get(package, [])
    needed = [package, *also, *PROJECTS[package]["dependencies"]]
    return [
        f"-epackages/{other}{TESTED_EXTRAS.get(other, '')}"
        for other in PROJECTS
        if any(requirement.startswith(other) for requirement in needed)
    ]


def run_pages(session: nox.Session, *options: str) -> None:
    """Run what pages show; see tests/pages.py."""
    session.run("pytest", "-p", "pages", *options, env={"PYTHONPATH": "tests"})


def matrix() -> list[object]:
    """Return core on every Python, and the others, whose engines are slow, on this one."""
    return [
        nox.param(python, package, id=f"{package}-{python}", tags=[package.rpartition("-")[2]])
        for package in PROJECTS
        for python in (PYTHONS if package == CORE else [THIS_PYTHON])
    ]


@nox.session
@nox.parametrize("python,package", matrix())
def tests(session: nox.Session, package: str) -> None:
    """Run a package's tests and doctests, on an editable install."""
    pages = PAGES.get(package, ())
    needed = group(package.replace("functionfuse", "tests")), group("pages") if pages else ()
    session.install(*editable(package), *chain(*needed))
    folder = f"packages/{package}/tests"
    apart = [f"{folder}/{name}" for name in APART.get(package, ())]
    elsewhere = apart if session.python == THIS_PYTHON else [*apart, f"{folder}/{IN_A_BROWSER}"]
    session.run("pytest", folder, *(f"--ignore={path}" for path in elsewhere), *session.posargs)
    for path in apart:
        session.run("pytest", path, *session.posargs)
    doctests = ("pytest", "--doctest-modules", f"packages/{package}/src")
    session.run(*doctests, success_codes=[0, NO_TESTS])
    for page in pages if not session.posargs else ():
        run_pages(session, page)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the pages into site/, strictly, and run what they show."""
    session.install(*OF_OTHERS, *group("docs"))
    session.run("mkdocs", "build", env={"NO_MKDOCS_2_WARNING": "1"})
    elsewhere = {page for pages in PAGES.values() for page in pages if page.startswith("docs")}
    run_pages(session, "docs", "README.md", *(f"--ignore={page}" for page in sorted(elsewhere)))


@nox.session
def examples(session: nox.Session) -> None:
    """Test the backend and the storage of others, and a newcomer's first steps."""
    session.install(*OF_OTHERS)
    session.run("pytest", "examples", *session.posargs)


@nox.session
def wheels(session: nox.Session) -> None:
    """Check the built distributions: contents, metadata, each extra, how they join."""
    session.install(*group("wheels"))
    session.run("pytest", "tests", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*group("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session(requires=["build"])
def typing(session: nox.Session) -> None:
    """Check types, as a user's tools see them: on wheels, strictly."""
    session.install(*map(str, ROOT.glob("dist/*.whl")), *group("typing"))
    sample = f"packages/{CORE}/tests/typing_sample.py"
    for target in (("-p", "functionfuse"), (sample,)):
        session.run("mypy", "--cache-dir", session.create_tmp(), *target)
    session.run("pyright", *(f"packages/{package}/src" for package in PROJECTS), sample)


@nox.session
def demo(session: nox.Session) -> None:
    """Run the example twice: the second run must load what the first saved."""
    session.install(f"-epackages/{CORE}", "-r", "examples/classifiers/requirements.txt")
    storage = Path(session.create_tmp()) / "storage"
    shutil.rmtree(storage, ignore_errors=True)
    env = {"OMP_NUM_THREADS": "1"}  # on busy cores, threads that wait for each other take minutes
    for _ in range(2):
        command = ("python", "examples/classifiers/run_local.py", storage)
        output = session.run(*command, env=env, silent=True)
        session.log(output)
    if " 0 executed" not in output:
        session.error("the second run executed what the first had saved")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Run the benchmarks; arguments after ``--`` are theirs."""
    session.install(*MEASURED, *group("bench"))
    session.run("python", "benchmarks", *session.posargs)


@nox.session(name="bench-quick")
def bench_quick(session: nox.Session) -> None:
    """See that every benchmark runs, at the smallest sizes; no time is asserted."""
    session.install(*MEASURED, *group("bench"))
    session.run("python", "benchmarks", "--quick")


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build each package's sdist, and its wheel from the sdist, into dist/."""
    session.install(*group("build"))
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    for package in PROJECTS:
        session.run("python", "-m", "build", "-n", "-o", "dist", f"packages/{package}")
