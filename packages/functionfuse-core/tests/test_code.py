# ruff: noqa: E501  The sources stand in tables.
"""Digests of code: what a function does counts, where it stands and what it says does not."""

from __future__ import annotations

import dis
import functools
import importlib
import operator
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from functionfuse import workflow
from functionfuse.reuse.code import CodeDigests

# Pairs of sources of which `f` is compared.
SAME = {
    "docstring": ("def f(x):\n    return x", "def f(x):\n    'Say it.'\n    return x"),
    "other docstring": ("def f():\n    'One.'", "def f():\n    'Two.'"),
    "comments": ("def f(x):\n    return x", "# A\ndef f(x):  # b\n    # c\n    return x  # d"),
    "lines": ("def f(x):\n    return x", "\n\n\n\ndef f(x):\n\n\n    return x"),
    "line numbers over 300": ("def f(x):\n    return x", "\n" * 300 + "def f(x):" + "\n" * 300 + "    return x"),
    "whitespace": ("def f( x ):\n        return   x+1", "def f(x):\n  return x + 1"),
    "parentheses": ("def f(x):\n    return x + 1 * 2", "def f(x):\n    return (x + (1 * 2))"),
    "broken lines": ("def f(x):\n    return [x, g(x, 1)]", "def f(x):\n    return [\n  x,\n  g(\n   x,\n   1)\n]"),
    "quotes": ("def f():\n    return 'a'", 'def f():\n    return "a"'),
    "annotations": ("def f(x):\n    return x", "def f(x: int) -> int:\n    return x"),
    "comments in branches": (
        "def f(x):\n  for i in x:\n    try:\n      if i: return 1\n    except E: pass\n    else: break",
        "def f(x):\n  for i in x:\n    # a\n    try:\n\n      if i:\n        return 1\n    except E:\n      # b\n      pass\n    else:\n      break",
    ),
    "nested docstring": (
        "def f():\n    def g():\n        return 1\n    return g",
        "def f():\n    def g():\n        'G.'\n        return 1\n    return g",
    ),
    "class docstring": ("class f:\n    x = 1", "class f:\n    'F.'\n    x = 1"),
    "class in function": (
        "def f():\n    class A:\n        x = 1\n    return A",
        "\n\ndef f():\n    class A:\n        'A.'\n        x = 1\n    return A",
    ),
    "method lines": ("class f:\n    def m(self): return 1", "class f:\n\n\n    def m(self):\n        'M.'\n        return 1"),
    "order of methods": ("class f:\n    def a(self): 1\n    def b(self): 2", "class f:\n    def b(self): 2\n    def a(self): 1"),
    "helper's docstring": ("def g(): return 1\ndef f(): return g()", "def g():\n    'G.'\n    return 1\ndef f(): return g()"),
    "helper stands elsewhere": ("def g(): return 1\ndef f(): return g()", "def f(): return g()\ndef g(): return 1"),
    "unused global": ("C = 1\ndef f(): return 2", "C = 2\ndef f(): return 2"),
    "unused function": ("def g(): return 1\ndef f(): return 2", "def g(): return 2\ndef f(): return 2"),
    "mutable global": ("C = [1]\ndef f(): return C", "C = [2]\ndef f(): return C"),
    "mutable in tuple": ("C = ([1],)\ndef f(): return C", "C = ([2],)\ndef f(): return C"),
    "rebound global": (
        "C = 1\ndef f():\n    global C\n    C += 1", "C = 2\ndef f():\n    global C\n    C += 1"
    ),
    "global rebound by a helper": (
        "is_ready = False\ndef g():\n    global is_ready\n    is_ready = True\ndef f():\n    if not is_ready: g()",
        "is_ready = True\ndef g():\n    global is_ready\n    is_ready = True\ndef f():\n    if not is_ready: g()",
    ),
    "counted by a class": (
        "class K:\n    made = 0\n    def __init__(self):\n        K.made += 1\ndef f(): return K()",
        "class K:\n    made = 7\n    def __init__(self):\n        K.made += 1\ndef f(): return K()",
    ),
    "rebound closure": (
        "def make(n):\n    def f():\n        nonlocal n\n        n += 1\n        return n\n    return f\nf = make(1)",
        "def make(n):\n    def f():\n        nonlocal n\n        n += 1\n        return n\n    return f\nf = make(2)",
    ),
    "mutable default": ("def f(x=[1]): return x", "def f(x=[2]): return x"),
    "order of a set": ("def f(x): return x in {'a', 'b', 'c'}", "def f(x): return x in {'c', 'a', 'b'}"),
    "installed helper": ("import json\ndef f(): return json.dumps(1)", "import json as json\ndef f(): return json.dumps(1)"),
    "class attribute that the function sets": (
        "class K: n = 0\ndef f():\n  K.n += 1\n  return K.n",
        "class K: n = 5\ndef f():\n  K.n += 1\n  return K.n",
    ),
    "state of a global instance": (
        "class K:\n  def __init__(self, n): self.n = n\nk = K(1)\ndef f(): return k",
        "class K:\n  def __init__(self, n): self.n = n\nk = K(2)\ndef f(): return k",
    ),
}  # fmt: skip

OTHER = {
    "methods of a global instance": (
        "class K:\n  def g(self): return 1\nk = K()\ndef f(): return k.g()",
        "class K:\n  def g(self): return 2\nk = K()\ndef f(): return k.g()",
    ),
    "tuple of functions": (
        "def g(): return 1\nt = (g,)\ndef f(): return t[0]()",
        "def g(): return 2\nt = (g,)\ndef f(): return t[0]()",
    ),
    "constant": ("def f(): return 1", "def f(): return 2"),
    "type of a constant": ("def f(): return 1", "def f(): return 1.0"),
    "sign of zero": ("def f(): return 0.0", "def f(): return -0.0"),
    "true and one": ("def f(): return 1", "def f(): return True"),
    "text and bytes": ("def f(): return 'a'", "def f(): return b'a'"),
    "surrogate": ("def f(): return '\\ud800'", "def f(): return '\\ud801'"),
    "constants in a tuple": ("def f(x): return x in (1, 2)", "def f(x): return x in (1, True)"),
    "member of a set": ("def f(x): return x in {1, 2}", "def f(x): return x in {1, 3}"),
    "docstring that is used": ("def f(): return 'a'", "def f(): return 'b'"),
    "local change": ("def f(x):\n    y = x + 1\n    return y", "def f(x):\n    y = x - 1\n    return y"),
    "comparison": ("def f(x): return x < 1", "def f(x): return x <= 1"),
    "in": ("def f(x, y): return x in y", "def f(x, y): return x not in y"),
    "is": ("def f(x, y): return x is y", "def f(x, y): return x is not y"),
    "order": ("def f(x, y): return x - y", "def f(x, y): return y - x"),
    "attribute": ("def f(x): return x.a", "def f(x): return x.b"),
    "method": ("def f(x): return x.a()", "def f(x): return x.b()"),
    "keyword": ("def f(g): return g(a=1)", "def f(g): return g(b=1)"),
    "subscript": ("def f(x): return x[0]", "def f(x): return x[1]"),
    "slice": ("def f(x): return x[1:2]", "def f(x): return x[:2]"),
    "import": ("def f():\n    import a", "def f():\n    import b"),
    "imported name": ("def f():\n    from a import b", "def f():\n    from a import c"),
    "statement left out": ("def f(x):\n    x.a()\n    return x", "def f(x):\n    return x"),
    "indentation": (
        "def f(x):\n    for i in x:\n        a(i)\n        b(i)", "def f(x):\n    for i in x:\n        a(i)\n    b(i)"
    ),
    "end of the protected part": (
        "def f(x):\n    try:\n        a()\n        b()\n    except E:\n        return 1",
        "def f(x):\n    try:\n        a()\n    except E:\n        return 1\n    b()",
    ),
    "start of the protected part": (
        "def f():\n    a()\n    try:\n        b()\n    finally:\n        c()",
        "def f():\n    try:\n        a()\n        b()\n    finally:\n        c()",
    ),
    "exception": (
        "def f():\n    try: a()\n    except E: pass", "def f():\n    try: a()\n    except F: pass"
    ),
    "with": ("def f(x):\n    with x: a()\n    b()", "def f(x):\n    with x:\n        a()\n        b()"),
    "helper": ("def g(): return 1\ndef f(): return g()", "def g(): return 2\ndef f(): return g()"),
    "helper's helper": (
        "def h(): return 1\ndef g(): return h()\ndef f(): return g()",
        "def h(): return 2\ndef g(): return h()\ndef f(): return g()",
    ),
    "helper in a comprehension": (
        "def g(i): return 1\ndef f(x): return [g(i) for i in x]", "def g(i): return 2\ndef f(x): return [g(i) for i in x]"
    ),
    "helper in a lambda": (
        "def g(): return 1\ndef f(): return lambda: g()", "def g(): return 2\ndef f(): return lambda: g()"
    ),
    "swapped helpers": (
        "def g(): return 1\ndef h(): return 2\ndef f(): return g() - h()",
        "def g(): return 2\ndef h(): return 1\ndef f(): return g() - h()",
    ),
    "global constant": ("C = 1\ndef f(): return C", "C = 2\ndef f(): return C"),
    "global tuple": ("C = (1, ('a',))\ndef f(): return C", "C = (1, ('b',))\ndef f(): return C"),
    "global of a helper": (
        "C = 1\ndef g(): return C\ndef f(): return g()", "C = 2\ndef g(): return C\ndef f(): return g()"
    ),
    "global of the name of another's captured local": (
        "n = 1\ndef g(x):\n    n = x\n    return lambda: n\ndef f(): return g(n)",
        "n = 2\ndef g(x):\n    n = x\n    return lambda: n\ndef f(): return g(n)",
    ),
    "closure": (
        "def make(n):\n    def f(): return n\n    return f\nf = make(1)",
        "def make(n):\n    def f(): return n\n    return f\nf = make(2)",
    ),
    "closure over a function": (
        "def make(g):\n    def f(): return g()\n    return f\nf = make(lambda: 1)",
        "def make(g):\n    def f(): return g()\n    return f\nf = make(lambda: 2)",
    ),
    "default": ("def f(x=1): return x", "def f(x=2): return x"),
    "keyword-only default": ("def f(*, x=1): return x", "def f(*, x=2): return x"),
    "keyword-only": ("def f(x): return x", "def f(*, x): return x"),
    "positional-only": ("def f(x): return x", "def f(x, /): return x"),
    "variable arguments": ("def f(x): return x", "def f(*x): return x"),
    "names of parameters": ("def f(a, b): return a", "def f(b, a): return a"),
    "async": ("def f(): return 1", "async def f(): return 1"),
    "lambda": ("f = lambda x: x + 1", "f = lambda x: x + 2"),
    "nested function": (
        "def f():\n    def g(): return 1\n    return g", "def f():\n    def g(): return 2\n    return g"
    ),
    "comprehension": ("def f(x): return [i for i in x]", "def f(x): return [i for i in x if i]"),
    "kind of comprehension": ("def f(x): return [i for i in x]", "def f(x): return {i for i in x}"),
    "method of a class": (
        "class K:\n    def m(self): return 1\ndef f(): return K().m()",
        "class K:\n    def m(self): return 2\ndef f(): return K().m()",
    ),
    "method of a base": (
        "class B:\n    def m(self): return 1\nclass K(B): pass\ndef f(): return K().m()",
        "class B:\n    def m(self): return 2\nclass K(B): pass\ndef f(): return K().m()",
    ),
    "base": (
        "class A: pass\nclass B:\n    x = 1\nclass K(A): pass\ndef f(): return K()",
        "class A: pass\nclass B:\n    x = 1\nclass K(B): pass\ndef f(): return K()",
    ),
    "static method": (
        "class K:\n    @staticmethod\n    def m(): return 1\ndef f(): return K.m()",
        "class K:\n    @staticmethod\n    def m(): return 2\ndef f(): return K.m()",
    ),
    "class method": (
        "class K:\n    @classmethod\n    def m(cls): return 1\ndef f(): return K.m()",
        "class K:\n    @classmethod\n    def m(cls): return 2\ndef f(): return K.m()",
    ),
    "property": (
        "class K:\n    @property\n    def m(self): return 1\ndef f(): return K().m",
        "class K:\n    @property\n    def m(self): return 2\ndef f(): return K().m",
    ),
    "cached property": (
        "import functools\nclass K:\n    @functools.cached_property\n    def m(self): return 1\ndef f(): return K().m",
        "import functools\nclass K:\n    @functools.cached_property\n    def m(self): return 2\ndef f(): return K().m",
    ),
    "class attribute": ("class K:\n    x = 1\ndef f(): return K.x", "class K:\n    x = 2\ndef f(): return K.x"),
    "enum's value": (
        "from enum import Enum\nclass K(Enum):\n    A = 1\ndef f(): return K.A",
        "from enum import Enum\nclass K(Enum):\n    A = 2\ndef f(): return K.A",
    ),
    "field of a data class": (
        "from dataclasses import dataclass\n@dataclass\nclass K:\n    a: int\ndef f(): return K(1)",
        "from dataclasses import dataclass\n@dataclass\nclass K:\n    b: int\ndef f(): return K(1)",
    ),
    "default of a data class": (
        "from dataclasses import dataclass\n@dataclass\nclass K:\n    a: int = 1\ndef f(): return K()",
        "from dataclasses import dataclass\n@dataclass\nclass K:\n    a: int = 2\ndef f(): return K()",
    ),
    "recursion": (
        "def f(n): return 1 if n == 0 else f(n - 1)", "def f(n): return 2 if n == 0 else f(n - 1)"
    ),
    "mutual recursion": (
        "def f(n): return n or g(n)\ndef g(n): return f(n - 1)",
        "def f(n): return n or g(n)\ndef g(n): return f(n - 2)",
    ),
    "wrapped helper": (
        "import functools\ndef d(g):\n    @functools.wraps(g)\n    def w(*a): return g(*a)\n    return w\n@d\ndef g(): return 1\ndef f(): return g()",
        "import functools\ndef d(g):\n    @functools.wraps(g)\n    def w(*a): return g(*a)\n    return w\n@d\ndef g(): return 2\ndef f(): return g()",
    ),
    "wrapper of a helper": (
        "import functools\ndef d(g):\n    @functools.wraps(g)\n    def w(*a): return g(*a)\n    return w\n@d\ndef g(): return 1\ndef f(): return g()",
        "import functools\ndef d(g):\n    @functools.wraps(g)\n    def w(*a): return -g(*a)\n    return w\n@d\ndef g(): return 1\ndef f(): return g()",
    ),
    "cached helper": (
        "import functools\n@functools.lru_cache\ndef g(): return 1\ndef f(): return g()",
        "import functools\n@functools.lru_cache\ndef g(): return 2\ndef f(): return g()",
    ),
    "decorated helper": (
        "from functionfuse import workflow\n@workflow\ndef g(): return 1\ndef f(): return g.func()",
        "from functionfuse import workflow\n@workflow\ndef g(): return 2\ndef f(): return g.func()",
    ),
    "partial": (
        "import functools\ndef g(x): return x\nf = functools.partial(g, 1)",
        "import functools\ndef g(x): return x\nf = functools.partial(g, 2)",
    ),
    "keyword of a partial": (
        "import functools\ndef g(x): return x\nf = functools.partial(g, x=1)",
        "import functools\ndef g(x): return x\nf = functools.partial(g, x=2)",
    ),
    "function of a partial": (
        "import functools\ndef g(x): return x\nf = functools.partial(g, 1)",
        "import functools\ndef g(x): return -x\nf = functools.partial(g, 1)",
    ),
    "function given to a partial": (
        "import functools\ndef g(x): return x\nf = functools.partial(map, g)",
        "import functools\ndef g(x): return -x\nf = functools.partial(map, g)",
    ),
    "partial helper": (
        "import functools\ndef h(x): return x\ng = functools.partial(h, 1)\ndef f(): return g()",
        "import functools\ndef h(x): return x\ng = functools.partial(h, 2)\ndef f(): return g()",
    ),
    "callable object": (
        "class K:\n    def __call__(self): return 1\nf = K()", "class K:\n    def __call__(self): return 2\nf = K()"
    ),
    "bound method": (
        "class K:\n    def m(self): return 1\nf = K().m", "class K:\n    def m(self): return 2\nf = K().m"
    ),
    "which bound method": (
        "class K:\n    def m(self): return 1\n    def n(self): return 2\nf = K().m",
        "class K:\n    def m(self): return 1\n    def n(self): return 2\nf = K().n",
    ),
    "installed helper": ("import json\ndef f(): return json.dumps(1)", "import json\ndef f(): return json.loads(1)"),
    "other installed helper": (
        "from json import dumps as g\ndef f(): return g(1)", "from pickle import dumps as g\ndef f(): return g(1)"
    ),
    "builtin": ("import math\ng = math.sin\ndef f(x): return g(x)", "import math\ng = math.cos\ndef f(x): return g(x)"),
}  # fmt: skip


def load(source):
    """Return `f` of a source, as if it stood in a script."""
    namespace = {"__name__": "__main__"}
    exec(compile(source, "<script>", "exec", dont_inherit=True), namespace)
    return namespace["f"]


def digest(function):
    return CodeDigests().digest(function)


@pytest.mark.parametrize(("first", "second"), SAME.values(), ids=SAME)
def test_this_makes_no_difference(first, second):
    assert digest(load(first)) == digest(load(second))


@pytest.mark.parametrize(("first", "second"), OTHER.values(), ids=OTHER)
def test_this_makes_a_difference(first, second):
    assert digest(load(first)) != digest(load(second))


def test_digests_of_one_source_are_the_same_in_every_process():
    script = """
        import pathlib, sys
        sys.path.insert(0, sys.argv[1])
        import test_code
        for source in (*test_code.SAME.values(), *test_code.OTHER.values()):
            print([test_code.digest(test_code.load(text)).hex() for text in source])
    """
    path = str(Path(__file__).parent)
    outputs = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        command = [sys.executable, "-c", textwrap.dedent(script), path]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        outputs.add(done.stdout)
    assert len(outputs) == 1


# Helpers in modules of the user's own


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Write modules, and import one anew."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def import_anew(name, **sources):
        for path, source in sources.items():
            file = tmp_path / (path.replace("__", "/", 1) + ".py")
            file.parent.mkdir(exist_ok=True)
            file.write_text(source)
        for module in list(sys.modules):
            if module.partition(".")[0] in {"my_main", "my_helpers", "my_package"}:
                del sys.modules[module]
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield import_anew
    import_anew("this")


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("def g(): return 1", "def g(): return 2", False),
        ("def g(): return 1", "'Helpers.'\n\n\ndef g(): return 1", True),
        ("def h(): return 1\ndef g(): return h()", "def h(): return 2\ndef g(): return h()", False),
        ("g = 1", "g = 2", False),
        ("g = [1]", "g = [2]", True),
        ("class g: x = 1", "class g: x = 2", False),
        ("def g(): return 1", "def g(): return 1\ndef h(): return 2", True),
    ],
)
@pytest.mark.parametrize(
    "main",
    [
        "import my_helpers\ndef f(): return my_helpers.g",
        "import my_helpers as m\ndef f(): return [m.g() for _ in 'ab']",
        "from my_helpers import g\ndef f(): return g()",
        "import my_helpers\ndef make():\n    m = my_helpers\n    return lambda: m.g()\nf = make()",
        "class K:\n    def m(self):\n        import json\n        return my_helpers.g()\nimport my_helpers\n"
        "def f(): return K().m()",
    ],
)
def test_helpers_in_modules_are_followed(modules, main, first, second, is_same):
    digests = [
        digest(modules("my_main", my_main=main, my_helpers=source).f) for source in (first, second)
    ]
    assert (digests[0] == digests[1]) is is_same


def test_helpers_in_submodules_are_followed(modules):
    main = "import my_package.sub\ndef f(): return my_package.sub.g()"
    digests = {
        digest(
            modules(
                "my_main",
                my_main=main,
                my_package____init__="",
                my_package__sub=f"def g(): return {i}",
            ).f
        )
        for i in range(3)
    }
    assert len(digests) == 3


def test_a_module_attribute_that_a_function_sets_does_not_count(modules):
    main = "import my_helpers\ndef f():\n    my_helpers.reset()\n    return my_helpers.count"
    helpers = "count = {}\ndef reset():\n    global count\n    count = 0"
    digests = {
        digest(modules("my_main", my_main=main, my_helpers=helpers.format(i)).f) for i in range(2)
    }
    assert len(digests) == 1


def test_modules_are_asked_for_nothing_that_they_do_not_hold(modules):
    helpers = "def __getattr__(name):\n    raise RuntimeError(name)"
    main = "import my_helpers\ndef f(): return my_helpers.lazy.attribute"
    digest(modules("my_main", my_main=main, my_helpers=helpers).f)


def test_what_is_installed_counts_by_name_unless_a_node_is_of_it(modules, monkeypatch, tmp_path):
    installed = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(installed)
    main = "import my_helpers\ndef f(): return my_helpers.g()"
    digests, own = set(), set()
    for i in range(2):
        installed.mkdir(exist_ok=True)
        (installed / "my_helpers.py").write_text(f"def g(): return {i}")
        module = modules("my_main", my_main=main)
        digests.add(digest(module.f))
        own.add(CodeDigests([module.my_helpers.g]).digest(module.f))
    assert (len(digests), len(own)) == (1, 2)


# What a process does to functions


def add(a, b):
    total = 0
    for i in range(a):
        total += i * b if i % 2 else add(0, b)
    return sum([total + i for i in range(2)])


def test_a_function_that_ran_keeps_its_digest():
    """Python replaces instructions by faster ones as a function runs."""
    script = """
        import test_code, sys
        before = test_code.digest(test_code.add)
        for _ in range(1000):
            test_code.add(10, 2)
        assert test_code.digest(test_code.add) == before
        print(before.hex())
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])}  # fmt: skip
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    for _ in range(1000):
        add(10, 2)
    assert len(list(dis.get_instructions(add))) > 10
    assert len(done.stdout.strip()) == 32


def test_a_traced_function_keeps_its_digest():
    """So do debuggers and coverage tools."""
    before = digest(add)
    lines = []

    def trace(frame, event, argument):
        lines.append(frame.f_lineno)
        return trace

    earlier = sys.gettrace()
    sys.settrace(trace)
    try:
        add(10, 2)
        during = digest(add)
    finally:
        sys.settrace(earlier)
    assert lines
    assert during == digest(add) == before


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with Python 3.12")
def test_a_monitored_function_keeps_its_digest():
    before = digest(add)
    monitoring = sys.monitoring
    tool = next(tool for tool in (3, 4) if monitoring.get_tool(tool) is None)
    monitoring.use_tool_id(tool, "test")
    try:
        events = monitoring.events
        monitoring.set_local_events(tool, add.__code__, events.LINE | events.INSTRUCTION | events.BRANCH)  # fmt: skip
        add(10, 2)
        during = digest(add)
    finally:
        monitoring.free_tool_id(tool)
    assert during == digest(add) == before


def test_a_decorated_function_is_what_it_decorates():
    source = "def f(x):\n    return x + 1"
    assert digest(workflow(load(source))) == digest(load(source))
    decorated = load(f"from functionfuse import workflow\n@workflow\n{source}")
    assert digest(decorated.func) == digest(decorated) == digest(load(source))


# What must not break a run


PROXY = """
class Failing:
    'Like a proxy of a web framework outside of a request.'
    def __getattribute__(self, name):
        raise RuntimeError(name)
proxy = Failing()
def f():
    return proxy.anything
"""
use_proxy = load(PROXY)
Failing = use_proxy.__globals__["Failing"]


class Holding:
    proxy = Failing()

    @staticmethod
    def method():
        return Holding.proxy


@pytest.mark.parametrize(
    "callable_",
    [
        use_proxy, len, max, print, str.upper, "a".upper, operator.itemgetter(1), functools.partial(max, 1),
        functools.partial(use_proxy, open), functools.partial(max, key=Failing()), dict, Failing, Holding, type, int.__add__,
        functools.lru_cache(use_proxy), dict.fromkeys, os.path.join, functools.partial(map, use_proxy),
        functools.singledispatch(use_proxy), pytest.raises, CodeDigests.digest,
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)  # fmt: skip
def test_every_callable_has_a_digest(callable_):
    assert digest(callable_) == digest(callable_)


def test_a_partial_with_what_cannot_be_digested_has_a_digest():
    def generate():
        yield

    assert len(digest(functools.partial(print, generate()))) == 16


def test_many_functions_that_call_each_other_are_digested():
    count = 3000
    source = "\n".join(f"def f{i}(): return f{(i + 1) % count}() + {i}" for i in range(count))
    assert len(digest(load(source + "\nf = f0"))) == 16


def test_a_class_whose_instance_was_pickled_keeps_its_digest():
    f = load("class C:\n    def g(self): return 1\ndef f(): return C().g()")
    before = digest(f)
    f.__globals__["C"]().__reduce_ex__(2)
    assert "__slotnames__" in vars(f.__globals__["C"])
    assert digest(f) == before
