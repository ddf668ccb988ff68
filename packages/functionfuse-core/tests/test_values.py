# ruff: noqa: E501  The values stand in tables.
"""Digests of values: by content, and the same in every process."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import textwrap
import threading
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum, IntFlag
from fractions import Fraction
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functionfuse.reuse.values import UnhashableValueError, ValueDigests, combine


class Color(Enum):
    RED = 1
    BLUE = 2


class Mode(IntFlag):
    READ = 1
    WRITE = 2


Point = namedtuple("Point", "x y")


@dataclass
class Settings:
    rate: float
    names: list = field(default_factory=list)


@dataclass(frozen=True)
class Frozen:
    rate: float


class Plain:
    """Does not compare by value."""

    def __init__(self, state):
        self.state = state


class Stateless:
    pass


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x

    __hash__ = None


def code_of(value):
    return b"code" if value.__module__ == __name__ else None


def digest(value):
    return ValueDigests(code_of).digest(value)


def content(value):
    return digest(value).content


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(),
        st.complex_numbers(), st.binary().map(bytearray), st.sampled_from([*Color, ..., Path("a")]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(), inner, max_size=3),
        st.frozensets(st.one_of(st.text(), st.integers()), max_size=4),
        st.builds(Settings, st.floats(), st.lists(inner, max_size=2)),
    ),
    max_leaves=6,
)  # fmt: skip


@given(first=values, second=values)
def test_values_of_other_content_have_other_digests(first, second):
    assert (content(first) == content(second)) == (repr(first) == repr(second))


@given(value=values)
def test_a_digest_does_not_depend_on_which_object_it_is(value):
    import copy

    assert content(value) == content(copy.deepcopy(value))
    assert content([value, value]) == content([value, copy.deepcopy(value)])
    assert digest(value).is_stable


DISTINCT = [
    None, 0, False, 0.0, -0.0, 0j, "", b"", bytearray(), (), [], {}, set(), frozenset(), ..., NotImplemented,
    float("nan"), float("inf"), 1, True, 1.0, "1", b"1", bytearray(b"1"), (1,), [1], {1}, frozenset({1}), {1: 1},
    [[1], 2], [1, [2]], [[1, 2]], [1, 2], {"a": 1, "b": 2}, {"a": 2, "b": 1}, ["a", "b"], ["ab"],
    {1: None}, [(1, None)], OrderedDict(a=1), {"a": 1}, defaultdict(list), deque([1]), deque([1], maxlen=3),
    Color.RED, Color.BLUE, Color, Mode.READ, Mode.WRITE, Mode.READ | Mode.WRITE, Point(1, 2), Point(2, 1), (1, 2),
    Settings(1.0), Settings(2.0), Settings(1.0, [1]), Frozen(1.0), Plain(1), Plain(2), Slotted(1), Slotted(2),
    Decimal("1"), Fraction(1, 2), datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=timezone.utc), Path("a"),
    Path("b"), PurePosixPath("a"), range(3), range(4), slice(1), slice(1, 2), int, float, len, sorted, "a".upper,
    "b".upper, os, sys, np, content, test_values_of_other_content_have_other_digests, functools.partial(int, base=2),
    functools.partial(int, base=3), np.int64(1), np.int32(1), np.float64(1), np.array(1), np.array([1]),
    np.array([[1]]), np.array([1.0]), np.array([1], dtype=">i8"), np.array([1, 2]), np.array([2, 1]), np.zeros((2, 3)),
    np.zeros((3, 2)), np.zeros((2, 3), order="F"), np.array(["a"]), np.array(["a"], dtype=object), np.array([None]),
    np.array([(1, 2.0)], dtype="i4,f8"), np.dtype("i4"), np.dtype("f4"), np.arange(3), np.arange(3)[::-1], np.ones(0),
    np.arange(100_000), np.arange(100_001), memoryview(b"1"),
]  # fmt: skip


def test_all_of_these_differ():
    digests = {}
    for value in DISTINCT:
        digests.setdefault(content(value), []).append(value)
    assert [same for same in digests.values() if len(same) > 1] == []


STABLE = """
    import sys
    from datetime import datetime
    from decimal import Decimal
    from pathlib import Path
    import numpy as np
    from test_values import *

    cycle = [1]
    cycle.append({"again": cycle})
    texts = [f"text {i}" for i in range(100)]
    values = [
        None, texts, set(texts), frozenset(texts), {t: {t} for t in texts}, [set(texts), {(t, frozenset(texts)) for t in texts}],
        Color.RED, {Color.RED, Color.BLUE}, Mode.READ | Mode.WRITE, Point({"a", "b"}, 2), Settings(1.0, [{"x", "y"}]),
        {Frozen(0.5), Frozen(1.5)}, np.arange(1000.0), np.array(["a", None, {"b", "c"}], dtype=object), np.zeros((3, 4), order="F"),
        np.float32(2), np.dtype("i4,f8"), Decimal("1.5"), datetime(2020, 1, 1), Path("a/b"), range(5), cycle, len, int, Color, content,
        Slotted({"a", "b"}), Plain({"a", "b"}), Stateless(), OrderedDict(a={"x", "y"}), {1.5, "1", None, (1, 2)}, functools.partial(int, base=2),
    ]
    print([[part.hex() if isinstance(part, bytes) else part for part in digest(value)] for value in values])
"""


def test_digests_are_the_same_in_every_process():
    outputs = set()
    for seed in ("0", "1", "random"):
        path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        command = [sys.executable, "-c", textwrap.dedent(STABLE)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert outputs.pop().count("[") > 30


@pytest.mark.parametrize(
    ("value", "is_stable"),
    [(Plain(1), False), ([Plain(1)], False), ({"a": (1, Plain(1))}, False), (Plain, True),
     (np.array([Plain(1)], dtype=object), False), (Stateless(), True), (Settings(1.0), True),
     (Slotted(1), True), (Settings(1.0, [Plain(1)]), False), (np.arange(3), True),
     (functools.partial(int, base=2), True), (functools.partial(int, Plain(1)), False)],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_objects_that_do_not_compare_by_value_are_not_stable(value, is_stable):
    digests = ValueDigests(code_of)
    assert digests.digest(value).is_stable is is_stable
    assert digests.digest(value).is_stable is is_stable
    assert digests.digest([value, 1]).is_stable is is_stable


class Raising:
    def __reduce_ex__(self, protocol):
        raise ZeroDivisionError


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [threading.Lock(), (i for i in ()), sys.stdout, sys._getframe(), Raising(), [Raising()],
     deep(100_000)],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_cannot_be_taken_apart_is_an_error_and_leaves_no_trace(value):
    digests = ValueDigests(code_of)
    with pytest.raises(UnhashableValueError, match="can't be digested"):
        digests.digest(value)
    assert digests.digest([1, [2]]) == digest([1, [2]])


def test_functions_and_classes_count_by_name_with_their_code_apart():
    assert digest(content).code == (b"code",)
    assert digest([content, Settings]).code == (b"code", b"code")
    assert set(digest(Settings(1.0)).code) == {b"code"}
    assert digest(os.path.join).code == ()
    assert digest(np.arange(3)).code == ()
    digests = [ValueDigests(lambda _, code=code: code).digest([Settings(1.0)]) for code in (b"a", b"b")]  # fmt: skip
    assert digests[0].content == digests[1].content
    assert digests[0].code != digests[1].code


def test_a_shared_object_is_digested_once():
    taken_apart = []

    class Counting:
        def __reduce__(self):
            taken_apart.append(self)
            return Counting, ()

    value = Counting()
    digests = ValueDigests(code_of)
    digests.digest([value, value])
    digests.digest({"a": value})
    digests.digest(value)
    assert len(taken_apart) == 1


def test_the_digest_of_a_part_of_a_cycle_does_not_depend_on_what_was_digested_before():
    first, second = ["first"], ["second"]
    first.append(second)
    second.append(first)
    fresh = [digest(first), digest(second), digest([first, second])]
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]):
        digests = ValueDigests(code_of)
        found = {i: digests.digest([first, second, [first, second]][i]) for i in order[:2]}
        assert all(found[i] == fresh[i] for i in found)


def test_large_cyclic_structures_take_no_exponential_time():
    nodes = [[i] for i in range(200)]
    for node in nodes:
        node.extend(nodes)
    assert len(content(nodes)) == 16


def test_a_changed_copy_of_a_cycle_differs():
    def cycle(last):
        head = {"value": 1}
        head["next"] = {"value": last, "next": head}
        return head

    assert content(cycle(1)) == content(cycle(1))
    assert content(cycle(1)) != content(cycle(2))


@given(parts=st.lists(st.binary(max_size=3), max_size=3), other=st.lists(st.binary(max_size=3), max_size=3))  # fmt: skip
def test_where_one_part_ends_counts(parts, other):
    assert (combine(*parts) == combine(*other)) == (parts == other)
