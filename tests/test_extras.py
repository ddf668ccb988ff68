"""Each extra of core, from built wheels in a clean environment, passes its packages' tests.

The smoke tests, that is: they need nothing but pytest.
"""

import pytest

from distributions import CORE, PACKAGES, ROOT

CONFIG = ROOT / "pyproject.toml"
STORAGE = "functionfuse-storage"
ENGINES = ["functionfuse-ray", "functionfuse-prefect", "functionfuse-kfp"]


@pytest.mark.parametrize(
    ("extra", "packages"),
    [
        ("", [CORE]),
        ("[progress]", [CORE]),
        ("[testing]", [CORE]),
        ("[storage]", [CORE, STORAGE]),
        ("[s3]", [CORE, STORAGE]),
        ("[dask]", [CORE, STORAGE]),
        ("[ray]", [CORE, STORAGE, "functionfuse-ray"]),
        ("[prefect]", [CORE, "functionfuse-prefect"]),
        ("[kfp]", [CORE, "functionfuse-kfp"]),
        ("[all]", [CORE, STORAGE, *ENGINES]),
    ],
)
def test_extra_from_built_wheels(environment, from_wheels, extra, packages):
    environment.install(f"{CORE}{extra}", "pytest", *from_wheels)
    run_tests(environment, *(PACKAGES[package] / "tests" / "smoke" for package in packages))


def test_all_tests_of_core_pass_on_its_wheel(environment, from_wheels):
    group = f"{CONFIG}:tests-core"
    environment.install(f"{CORE}[testing]", "--group", group, *from_wheels)
    tests = PACKAGES[CORE] / "tests"
    in_a_browser = tests / "test_report_page.py"  # The page is the same, whoever writes it.
    run_tests(environment, tests, f"--ignore={in_a_browser}")


def run_tests(environment, *arguments):
    environment.run("-m", "pytest", "-c", CONFIG, "-p", "no:cacheprovider", *arguments)
