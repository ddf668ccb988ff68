"""Decorated classes: which classes, which methods, in which order calls happen."""

from __future__ import annotations

import abc
import functools
import inspect
from dataclasses import dataclass

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.node import Construction, Instance, MethodCall


def run(*nodes):
    return LocalWorkflow(*nodes, workflow_name="test").run()


@workflow
def keep(value):
    return value


@workflow
class Log:
    """Remember what happens."""

    SEPARATOR = ","

    def __init__(self, start=""):
        self.entries = [start] if start else []
        self.attribute = 1

    def add(self, *entries, instance="", self_=""):
        self.entries += [str(entry) for entry in entries]
        return Log.SEPARATOR.join(self.entries) + instance + self_

    def __call__(self, entry):
        return self.add(f"call {entry}")

    @staticmethod
    def static(x, y=1):
        return x + y

    @classmethod
    def of_class(cls, x=0):
        return cls.SEPARATOR, x

    @functools.lru_cache  # noqa: B019
    def cached(self, x):
        return x

    @property
    def size(self):
        return len(self.entries)

    @functools.cached_property
    def last(self):
        return self.entries[-1]

    def generate(self):
        yield from self.entries

    async def later(self, x):
        return x

    def without_state():
        return 1

    def of_anything(*args, **kwargs):
        return len(args), kwargs

    def _repr_html_(self):
        return "shown"


def test_calling_the_class_gives_an_instance_and_its_methods_give_nodes():
    log = Log()
    call = log.add(1)
    assert type(log) is Instance
    assert type(call) is MethodCall
    assert [type(parent) for parent in call.parents] == [Construction, Construction]


def test_calls_happen_in_the_order_written_whatever_is_asked_for():
    """The calls are given in reverse, and one is not given at all."""
    log = Log("start")
    first = log.add(1)
    log.add(2)
    third = log.add(3)
    assert run(third, first) == ["start,1,2,3", "start,1"]


def test_calls_wait_for_their_arguments_and_for_the_call_before():
    """chain ─► add(chain)   is written before   add(x), whose argument is ready at once."""
    log = Log()
    chain = keep(keep(keep("slow")))
    first = log.add(chain)
    second = log.add(keep("fast"))
    assert run(second, first) == ["slow,fast", "slow"]


def test_instances_keep_apart():
    one, other = Log("one"), Log("other")
    calls = one.add(1), other.add(2), one.add(3), other.add(one.add(4))
    assert run(*calls) == ["one,1", "other,2", "one,1,3", "other,2,one,1,3,4"]


def test_results_of_other_nodes_go_into_construction_and_calls():
    log = Log(keep(["built"])[0])
    assert run(log.add(*[keep(i) for i in range(2)], keep({"k": 5})["k"])) == "built,0,1,5"


def test_a_method_taken_once_can_be_called_often():
    add = Log().add
    add(1)
    assert run(add(2)) == "1,2"


def test_keyword_arguments_may_be_called_instance():
    assert run(Log().add(1, instance="!", self_="?")) == "1!?"


def test_an_instance_can_be_called_if_its_class_says_how():
    log = Log()
    log(1)
    call = log(keep(2))
    assert run(call) == "call 1,call 2"
    assert call.function.qualname == "Log.__call__"


def test_an_instance_of_a_class_without_call_cannot_be_called():
    @workflow
    class Plain: ...

    with pytest.raises(TypeError, match="Plain has no method '__call__'"):
        Plain()()


def test_static_and_class_methods_are_calls_like_others():
    log = Log()
    calls = log.static(1, y=2), log.of_class(), log.of_class(keep(3))
    assert run(*calls) == [3, (",", 0), (",", 3)]
    with pytest.raises(TypeError, match="wrong arguments"):
        log.static()
    with pytest.raises(TypeError, match="wrong arguments"):
        log.of_class(1, 2)


def test_cached_async_and_loosely_written_methods_are_calls():
    log = Log()
    assert run(log.cached(1), log.later(keep(2)), log.of_anything(3, k=4)) == [1, 2, (2, {"k": 4})]
    with pytest.raises(TypeError, match="wrong arguments"):
        log.cached(1, 2)


def test_wrong_arguments_fail_at_the_call():
    with pytest.raises(TypeError, match=r"Log\(start=''\) called with wrong arguments"):
        Log(1, 2)
    with pytest.raises(TypeError, match=r"Log.add\(.* unexpected keyword argument 'other'"):
        Log().add(other=1)
    with pytest.raises(TypeError, match=r"Log.without_state\(\) called with wrong arguments"):
        Log().without_state()


def test_a_call_that_fails_is_not_in_the_order():
    log = Log()
    log.add(1)
    with pytest.raises(TypeError):
        log.add(2, other=1)
    with pytest.raises(TypeError):
        log.add({keep(1): 2})
    assert run(log.add(3)) == "1,3"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("size", "Log.size is a property"),
        ("last", "Log.last is a cached_property"),
        ("SEPARATOR", "Log.SEPARATOR is a str"),
        ("attribute", "Log has no method 'attribute'"),
        ("absent", "Log has no method 'absent'"),
        ("generate", "Log.generate is a generator method; return a list"),
        ("__len__", "Log has no method '__len__'"),
        ("_repr_html_", "Log has no method '_repr_html_'"),
    ],
)
def test_what_is_no_method_is_refused(name, message):
    """As an AttributeError for those who ask with hasattr, as a TypeError for those who call."""
    log = Log()
    assert not hasattr(log, name)
    for kind in (AttributeError, TypeError):
        with pytest.raises(kind, match=message):
            getattr(log, name)
    assert run(log.add(1)) == "1"


def test_a_class_without_init():
    @workflow
    class Plain:
        def get(self):
            return 5

    assert run(Plain().get()) == 5
    with pytest.raises(TypeError, match="too many positional"):
        Plain(1)


def test_inherited_methods():
    class Base:
        def base(self, x):
            return "base", x

        def overridden(self):
            return "base"

    @workflow
    class Derived(Base):
        def overridden(self):
            return super().overridden() + " derived"

    derived = Derived()
    assert run(derived.base(keep(1)), derived.overridden()) == [("base", 1), "base derived"]


def test_methods_of_builtin_bases():
    @workflow
    class Stack(list):
        pass

    stack = Stack()
    stack.append(keep(7))
    stack.append(8)
    assert run(stack.count(8), stack.pop(), stack.pop()) == [1, 8, 7]


def test_deriving_from_a_decorated_class():
    @workflow
    class Loud(Log):
        def add(self, *entries):
            return super().add(*entries) + "!"

    class PlainLoud(Log):
        pass

    loud = Loud("a")
    loud.add("b")
    assert run(loud("c")) == "a,b,call c!"
    assert PlainLoud("x").add("y") == "x,y"
    assert issubclass(PlainLoud, Log.cls)


def test_dataclasses_and_slots():
    @workflow
    @dataclass
    class Settings:
        depth: int
        width: int = 2

        def area(self):
            return self.depth * self.width

    @workflow
    class Slots:
        __slots__ = ("value",)

        def set(self, value):
            self.value = value
            return self.value

    assert run(Settings(keep(3)).area(), Settings(1, width=5).area(), Slots().set(4)) == [6, 5, 4]
    assert str(inspect.signature(Settings)).startswith("(depth: 'int', width: 'int' = 2)")
    with pytest.raises(TypeError, match="depth"):
        Settings()


def test_an_abstract_class_fails_when_it_is_made():
    @workflow
    class Abstract(abc.ABC):
        @abc.abstractmethod
        def method(self): ...

    with pytest.raises(TypeError, match="abstract"):
        run(Abstract().method())


@pytest.mark.parametrize("name", ["set_name", "get_name"])
def test_names_that_every_node_has_are_refused_at_decoration(name):
    base = type("Base", (), {name: lambda self: None})
    for cls in (base, type("Derived", (base,), {})):
        with pytest.raises(TypeError, match=f"{cls.__name__} has an attribute '{name}'.*rename"):
            workflow(cls)


@pytest.mark.parametrize(
    "place",
    [
        lambda log: keep(log),
        lambda log: keep(value=log),
        lambda log: keep([{"k": (log,)}]),
        lambda log: Log().add(log),
        lambda log: Log(log),
        lambda log: keep({log}),
    ],
    ids=["argument", "keyword", "nested", "method", "construction", "set"],
)
def test_an_instance_as_an_argument_is_refused(place):
    with pytest.raises(TypeError, match="give the result of a call on it"):
        place(Log())


def test_an_instance_as_a_key_is_refused():
    with pytest.raises(TypeError, match="key"):
        keep({Log(): 1})


def test_an_instance_as_a_leaf_is_refused():
    with pytest.raises(TypeError, match="give a call of one of its methods"):
        LocalWorkflow(Log(), workflow_name="test")


def test_a_construction_found_by_name_is_no_argument_either():
    w = LocalWorkflow(Log().set_name("log").add(1), workflow_name="test")
    (construction,) = w.find_nodes("log")
    with pytest.raises(TypeError, match="give the result of a call on it"):
        keep(construction)


def test_an_instance_has_no_items():
    with pytest.raises(TypeError):
        Log()[0]


def test_each_run_makes_a_new_instance():
    w = LocalWorkflow(Log().add(1), workflow_name="test")
    assert (w.run(), w.run()) == ("1", "1")
