"""What inside an object can't be pickled."""

from __future__ import annotations

import threading

import pytest

from functionfuse.arguments import Pack, Slot
from functionfuse.pickling import find_unpicklable


class Holder:
    def __init__(self, content):
        self.content = content


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (threading.Lock(), "x of type lock"),
        ([1, {"k": threading.Lock()}], "x[1]['k'] of type lock"),
        ((0, [threading.Lock()]), "x[1][0] of type lock"),
        (Holder(Holder({"lock": threading.Lock()})), "x.content.content['lock'] of type lock"),
        (lambda: None, "x of type function"),
        (Pack(list, (Slot(0, ()), threading.Lock()), ()), "x[1] of type lock"),
        (Pack(dict, (threading.Lock(), Slot(0, ())), ("a", "b")), "x['a'] of type lock"),
    ],
    ids=[
        "itself",
        "dict in list",
        "list in tuple",
        "attributes",
        "function",
        "list with a node",
        "dict with a node",
    ],
)
def test_the_innermost_part_is_named(value, where):
    assert find_unpicklable(value, "x").startswith(f"{where}: ")


@pytest.mark.parametrize("value", [None, [1, {"k": (2,)}], len, Holder(1)], ids=repr)
def test_what_can_be_pickled_is_not_blamed(value):
    assert find_unpicklable(value, "x") is None


def test_what_contains_itself_comes_to_an_end():
    loop = [threading.Lock()]
    loop.insert(0, loop)
    assert find_unpicklable(loop, "x").startswith("x[1] of type lock")


class Refusing:
    def __reduce__(self):
        raise ValueError("not me")


def test_an_object_that_refuses_says_why():
    assert find_unpicklable([Refusing()], "x") == "x[0] of type Refusing: not me"
