import importlib

import pytest

from functionfuse.storage import storage_factory

LEAVES = [
    "functionfuse.storage.rayfilestorage",
    "functionfuse.storage.s3storage",
    "functionfuse.serializers.daskarray",
]


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_leaf_is_imported_or_says_what_it_needs(leaf):
    try:
        module = importlib.import_module(leaf)
    except ImportError as error:
        assert " needs " in str(error)  # noqa: PT017  With its extra it is imported.
    else:
        assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("ray", {"path": "results"}), ("S3", {"path": "bucket/results"})],
)
def test_a_kind_is_made_or_says_what_it_needs(kind, options):
    try:
        storage = storage_factory({"kind": kind, "options": options})
    except ImportError as error:
        assert "pip install" in str(error)  # noqa: PT017
    else:
        assert "results" in repr(storage)
