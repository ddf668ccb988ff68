# ruff: noqa: E501  The cases stand in tables.
"""What a pickle would give, told without unpickling it."""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict
from pathlib import PurePosixPath

import numpy as np
import pytest

from functionfuse.storage.preview import describe_pickle
from functionfuse.testing.functions import Point


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "1"),
        (-1.5, "-1.5"),
        (1 << 200, repr(1 << 200)),
        (None, "None"),
        (True, "True"),
        ("text", "'text'"),
        (b"bytes", "b'bytes'"),
        ("x" * 1000, "'" + "x" * 199 + "…"),
        ([], "list"),
        ([1, 2], "list"),
        ({"a": 1}, "dict"),
        ((), "tuple"),
        ((1, 2), "a value"),
        (Counter("a"), "collections.Counter"),
        (Point, "functionfuse.testing.functions.Point"),
        ([Point(1, 2), Point(3, 4)], "list, functionfuse.testing.functions.Point"),
        ({"a": PurePosixPath("a"), "b": Counter()}, "dict, pathlib.PurePosixPath, collections.Counter"),
        ([OrderedDict, Counter, Point, PurePosixPath, int, str], "list, collections.OrderedDict, collections.Counter, functionfuse.testing.functions.Point, pathlib.PurePosixPath, …"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
@pytest.mark.parametrize("protocol", [4, 5])
def test_atoms_are_shown_and_classes_named(value, expected, protocol):
    described = describe_pickle(pickle.dumps(value, protocol))
    assert described.replace("pathlib._local", "pathlib") == expected


def test_the_start_of_a_pickle_is_enough():
    data = pickle.dumps([Point(1, "x" * 100_000)], 5)
    assert describe_pickle(data[:200]) == "list, functionfuse.testing.functions.Point"
    assert describe_pickle(b"") == "a value"


def test_arrays_are_recognised():
    assert "numpy" in describe_pickle(pickle.dumps(np.arange(9), 5))


def test_nothing_is_run():
    class Loud:
        def __reduce__(self):
            return print, ("loaded",)

    assert describe_pickle(pickle.dumps(Loud())) == "builtins.print"
