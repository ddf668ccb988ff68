"""What the import of a leaf says where its libraries are missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

DASKARRAY = "functionfuse.serializers.daskarray"
NEEDED = (
    [
        ("zarr", "dask and zarr 3, and zarr is missing: pip install"),
        ("dask", "and dask.array is missing"),
    ]
    if sys.version_info >= (3, 11)
    else [("zarr", "needs Python 3.11 or newer, since zarr 3 does")]
)


@pytest.mark.parametrize(
    ("leaf", "library", "sentence"),
    [
        ("functionfuse.storage.s3storage", "s3fs", 'pip install "functionfuse-core[s3]"'),
        *((DASKARRAY, *needed) for needed in NEEDED),
    ],
)
def test_a_missing_library_is_one_sentence(leaf, library, sentence):
    code = f"import sys; sys.modules[{library!r}] = None; import {leaf}"
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    last = process.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: {leaf} needs ")
    assert sentence in last
