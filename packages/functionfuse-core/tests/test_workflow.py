"""The decorator: what it takes, what it gives, and what it refuses."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import math
import operator
import pickle

import pytest

import functionfuse
from functionfuse import task, workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.node import Node


def run(*nodes):
    return LocalWorkflow(*nodes, workflow_name="test").run()


def names(*nodes):
    return [name for name, _ in LocalWorkflow(*nodes, workflow_name="test").graph_traversal()]


@workflow
def scale(x: float, *, factor: float = 2.0) -> float:
    """Multiply."""
    return x * factor


def plain(x):
    """Return it."""
    return x


bound_to_another_name = workflow(plain)


@workflow
def func(x):
    """Carry the name of the attribute that holds plain functions."""
    return x


@workflow
class Account:
    """Money."""

    LIMIT = 100

    class Receipt:
        """Paper."""

    def __init__(self, balance=0):
        self.balance = balance

    def receipt(self):
        return Account.Receipt(), Account.LIMIT


def injecting(func):
    """Call a function with one argument more than the caller gives."""

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        return func("injected", *args, **kwargs)

    return wrapper


@workflow
@injecting
def query(database, table, rows=1):
    return database, table, rows


@workflow
@functools.lru_cache
def cached(x, y=1):
    return x + y


class Multiplier:
    """Multiply by a number."""

    def __init__(self, by):
        self.by = by

    def __call__(self, x):
        return x * self.by

    def apply(self, x):
        return self(x)


def test_task_is_another_name_for_workflow():
    from functionfuse.workflow import workflow as from_module

    assert task is workflow is from_module is functionfuse.task


def test_a_call_makes_a_node_and_runs_nothing():
    called = []
    node = workflow(called.append)(1)
    assert type(node) is Node
    assert called == []
    run(node)
    assert called == [1]


def test_the_decorated_keeps_name_docstring_module_and_signature():
    assert scale.__name__ == scale.__qualname__ == "scale"
    assert scale.__doc__ == "Multiply."
    assert scale.__module__ == __name__
    assert str(inspect.signature(scale)) == "(x: 'float', *, factor: 'float' = 2.0) -> 'float'"
    assert inspect.isfunction(scale)


def test_the_decorated_class_keeps_name_docstring_and_signature():
    assert Account.__name__ == Account.__qualname__ == "Account"
    assert Account.__doc__ == "Money."
    assert str(inspect.signature(Account)) == "(balance=0)"
    assert Account.func is Account.cls


def test_the_plain_function_is_at_hand():
    assert scale.func(3, factor=3) == 9
    assert bound_to_another_name.func is plain


@pytest.mark.parametrize(
    "value",
    [scale, scale.func, plain, bound_to_another_name.func, func, func.func, Account, Account.cls],
    ids=str,
)
def test_functions_and_classes_pickle_by_reference(value):
    assert pickle.loads(pickle.dumps(value)) is value
    assert copy.deepcopy(value) is value


def test_instances_of_a_decorated_class_pickle():
    account = pickle.loads(pickle.dumps(Account.cls(7)))
    assert type(account) is Account.cls
    assert account.balance == 7


def test_constants_and_nested_classes_stay_reachable_under_the_class_name():
    receipt, limit = run(Account().receipt())
    assert limit == 100
    assert type(pickle.loads(pickle.dumps(receipt))) is Account.cls.Receipt


def test_an_undecorated_name_keeps_pickling():
    assert plain.__qualname__ == "plain"
    assert pickle.loads(pickle.dumps(plain)) is plain


def test_decorating_twice_changes_nothing():
    assert workflow(scale) is scale
    assert workflow(Account) is Account
    assert workflow(functools.partial(plain, 1)) is not workflow(functools.partial(plain, 1))


@pytest.mark.parametrize("function", [scale.func, func.func, plain, lambda x: x])
def test_one_plain_function_can_be_decorated_again(function):
    first, second = workflow(function), workflow(function)
    assert first.__qualname__ == second.__qualname__
    assert first.func is second.func is function
    assert isinstance(second(1), Node)


def test_a_plain_class_can_be_decorated_again():
    again = workflow(Account.cls)
    assert again.__qualname__ == "Account"
    assert pickle.loads(pickle.dumps(Account.cls)) is Account.cls


def test_functions_made_in_functions_keep_their_own_names():
    def inner(x):
        return x

    qualname = inner.__qualname__
    decorated = workflow(inner)
    assert decorated.__qualname__ == inner.__qualname__ == qualname
    assert run(decorated(4)) == 4


def test_lambdas_run():
    assert run(workflow(lambda x, y=2: x + y)(1)) == 3


def test_partials_run_under_the_name_of_their_function():
    """The given arguments may be overridden, and the rest is checked."""
    halve = workflow(functools.partial(functools.partial(scale.func), factor=0.5))
    assert run(halve(8), halve(8, factor=0.25)) == [4, 2]
    assert halve.__doc__ == "Multiply."
    assert halve.__module__ == __name__
    assert names(halve(8)) == ["scale_0000"]
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        halve()


def test_partials_of_what_is_decorated_are_refused():
    """Their calls make nodes already."""
    partial = functools.partial(scale, factor=3)
    assert run(partial(5)) == 15
    with pytest.raises(TypeError, match="scale is decorated already"):
        workflow(partial)


def test_partials_that_hold_nodes_are_refused():
    for partial in (functools.partial(plain, scale(1)), functools.partial(plain, x=[scale(1)])):
        with pytest.raises(TypeError, match="holds a node; give nodes as arguments"):
            workflow(partial)


def test_callable_objects_run_under_the_name_of_their_class():
    double = workflow(Multiplier(2))
    assert run(double(21)) == 42
    assert double.__doc__ == "Multiply by a number."
    assert str(inspect.signature(double)) == "(x)"
    assert names(double(1)) == [f"{Multiplier.__qualname__}_0000"]
    with pytest.raises(TypeError, match="Multiplier"):
        double(1, 2)


def test_bound_methods_of_plain_objects_run():
    assert run(workflow(Multiplier(3).apply)(5)) == 15


def test_builtins_run():
    total, root = workflow(sum), workflow(math.sqrt)
    assert run(total([root(4), root(9)])) == 5
    assert run(workflow(operator.itemgetter(1))([1, 2])) == 2
    assert names(root(1)) == ["sqrt_0000"]


def test_cached_functions_run_and_are_checked():
    assert run(cached(1), cached(1, y=5)) == [2, 6]
    with pytest.raises(TypeError, match="too many positional arguments"):
        cached(1, 2, 3)


def test_async_functions_are_awaited():
    @workflow
    async def later(x):
        await asyncio.sleep(0)
        return x + 1

    assert run(later(later(1))) == 3


def test_wrappers_are_checked_by_what_they_take_themselves():
    """`functools.wraps` shows the signature of the wrapped, which gets one argument more."""
    assert run(query("t"), query("t", rows=3)) == [("injected", "t", 1), ("injected", "t", 3)]


def test_wrappers_of_decorated_functions_are_no_decorated_functions():
    @functools.wraps(scale)
    def wrapper(x):
        return ("wrapped", x)

    decorated = workflow(wrapper)
    assert decorated is not wrapper
    assert run(decorated(1)) == ("wrapped", 1)


def generate():
    yield 1


async def generate_async():
    yield 1


class Generating:
    def __call__(self):
        yield 1


@pytest.mark.parametrize(
    "function",
    [generate, generate_async, functools.partial(generate), Generating(), lambda: (yield)],
    ids=["function", "async", "partial", "callable", "lambda"],
)
def test_generator_functions_are_refused(function):
    with pytest.raises(TypeError, match="return a list instead of yielding"):
        workflow(function)


def test_methods_are_refused():
    match = "is a method: put @workflow on its class"
    with pytest.raises(TypeError, match=match):

        class Direct:
            @workflow
            def method(self): ...

    with pytest.raises(TypeError, match=match):

        class Static:
            @workflow
            @staticmethod
            def method(): ...

    with pytest.raises(TypeError, match=match):
        workflow(Multiplier.apply)


@pytest.mark.parametrize("value", [None, 3, "text", math, [plain]], ids=repr)
def test_what_cannot_be_called_is_refused(value):
    with pytest.raises(TypeError, match="workflow decorates functions and classes, got"):
        workflow(value)


def test_nodes_are_not_decorated():
    with pytest.raises(TypeError, match="got <node of scale> of type Node"):
        workflow(scale(1))


def test_wrong_arguments_fail_at_the_call():
    with pytest.raises(TypeError, match=r"scale\(x.*\).* called with wrong arguments: too many"):
        scale(1, 2)
    with pytest.raises(TypeError, match="missing a required argument: 'x'"):
        scale()
    with pytest.raises(TypeError, match="unexpected keyword argument 'fcator'"):
        scale(1, fcator=2)
    with pytest.raises(TypeError, match="too many positional"):
        Account(1, 2)


def test_a_call_that_fails_leaves_no_trace_in_the_graph():
    node = scale(1)
    with pytest.raises(TypeError):
        scale(node, node)
    with pytest.raises(TypeError):
        scale(node, factor={node: 1})
    assert node.children == []


def test_a_decorated_function_called_in_another_is_refused_when_it_runs():
    @workflow
    def outer(x):
        return scale(x)

    with pytest.raises(TypeError, match=r"call its plain function there \(f.func\)"):
        run(outer(1))
