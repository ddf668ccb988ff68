"""Checking arguments: whatever Python would refuse is refused at the call, and nothing else."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functionfuse.signature import Signature

PARAMETERS = [
    "",
    "a",
    "a, b",
    "a, b=1",
    "a=1, b=2",
    "a, /",
    "a, /, b",
    "a, b=1, /, c=2",
    "a=1, /, *, b",
    "*, a",
    "*, a=1",
    "a, *, b, c=1",
    "*a",
    "a, *b",
    "a=1, *b, c",
    "**a",
    "a, **b",
    "a, /, **b",
    "a=1, /, **b",
    "a, b=1, *c, d=2, **e",
    "*a, **b",
]


class Methods:
    """Methods with all these parameters, by number."""


for _number, _text in enumerate(PARAMETERS):
    exec(f"def f{_number}({_text}): return 'result'")
    exec(f"def m{_number}(self, {_text}): return 'result'")
    setattr(Methods, f"m{_number}", globals()[f"m{_number}"])

calls = st.tuples(
    st.lists(st.just(0), max_size=4),
    st.dictionaries(st.sampled_from(["a", "b", "c", "d", "self", "x"]), st.just(0), max_size=3),
)


def fits(func, args, kwargs):
    try:
        return func(*args, **kwargs) == "result"
    except TypeError:
        return False


def is_let_through(signature, args, kwargs):
    try:
        signature.check(args, kwargs)
    except TypeError as error:
        assert "called with wrong arguments" in str(error)  # noqa: PT017
        return False
    return True


@given(st.sampled_from(range(len(PARAMETERS))), calls)
def test_functions_take_what_python_lets_them_take(number, call):
    args, kwargs = call
    func = globals()[f"f{number}"]
    signature = Signature(func, func.__name__)
    assert is_let_through(signature, tuple(args), kwargs) == fits(func, args, kwargs)


@given(st.sampled_from(range(len(PARAMETERS))), calls)
def test_methods_take_what_python_lets_them_take(number, call):
    args, kwargs = call
    func = getattr(Methods, f"m{number}")
    signature = Signature(func, func.__name__, skip=1)
    bound = getattr(Methods(), f"m{number}")
    assert is_let_through(signature, tuple(args), kwargs) == fits(bound, args, kwargs)


@given(st.sampled_from(range(len(PARAMETERS))), calls)
def test_partials_are_judged_as_inspect_does(number, call):
    """Which differs from Python where a positional argument has the name of a keyword."""
    args, kwargs = call
    func = globals()[f"f{number}"]
    partial = functools.partial(func, 1) if fits(func, [1], {}) else functools.partial(func)
    signature = Signature(partial, "partial")
    if "/" not in PARAMETERS[number] and "**" not in PARAMETERS[number]:
        assert is_let_through(signature, tuple(args), kwargs) == fits(partial, args, kwargs)


@pytest.mark.parametrize("parameters", ["", "*args", "*args, **kwargs", "**kwargs"])
def test_methods_without_self_are_judged_with_their_instance(parameters):
    namespace = {}
    exec(f"class C:\n def m({parameters}): return 'result'", namespace)
    method = namespace["C"].m
    for args, kwargs in [((), {}), ((1,), {}), ((), {"x": 1}), ((1,), {"x": 1})]:
        signature = Signature(method, "C.m", skip=1)
        bound = namespace["C"]().m
        assert is_let_through(signature, args, kwargs) == fits(bound, args, kwargs)


def test_the_message_names_the_callable_its_signature_and_what_is_wrong():
    def train(data, *, rate=0.1): ...

    message = r"^train\(data, \*, rate=0.1\) called with wrong arguments: missing .* 'data'$"
    with pytest.raises(TypeError, match=message) as caught:
        Signature(train, "train").check((), {})
    assert caught.value.__cause__ is None


def test_what_a_wrapper_takes_counts_not_what_it_wraps():
    def wrapped(connection, table): ...

    @functools.wraps(wrapped)
    def wrapper(table, **options): ...

    Signature(wrapper, "wrapper").check((), {"table": 1, "colour": 2})
    with pytest.raises(TypeError):
        Signature(wrapper, "wrapper").check((1, 2), {})


def test_classes_are_judged_by_their_constructors():
    class Plain: ...

    class Model:
        def __init__(self, depth, *, width=1): ...

    Signature(Plain, "Plain").check((), {})
    Signature(Model, "Model").check((1,), {"width": 2})
    with pytest.raises(TypeError, match="Plain"):
        Signature(Plain, "Plain").check((1,), {})
    with pytest.raises(TypeError, match="depth"):
        Signature(Model, "Model").check((), {})


@pytest.mark.parametrize("function", [print, max, dict, zip, getattr], ids=str)
def test_builtins_that_tell_no_signature_are_let_through(function):
    """Which do depends on Python's version; a fitting call always passes."""
    Signature(function, "builtin").check(([("a", 1)], "b") if function is getattr else ([],), {})
