import subprocess
import sys

import pytest


@pytest.mark.parametrize("leaf", ["functionfuse.backends.addons.prefectback"])
def test_import_says_what_is_to_come(leaf):
    process = subprocess.run(
        [sys.executable, "-c", f"import {leaf}"], capture_output=True, text=True, check=False
    )
    assert "comes with 0.2" in process.stderr.splitlines()[-1]
