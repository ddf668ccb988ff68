"""The order of nodes: each test draws its graph and says what must happen."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functionfuse.order import depth_first_order


class Graph:
    """A graph by names, written in order of creation: `Graph(a="", b="a", c="a b")`."""

    def __init__(self, **parents):
        self.names = list(parents)
        positions = {name: position for position, name in enumerate(self.names)}
        self.parents = [tuple(positions[p] for p in text.split()) for text in parents.values()]

    def order(self):
        return [self.names[position] for position in depth_first_order(self.parents)]

    def peak(self):
        return peak_alive(self.parents, depth_first_order(self.parents))


def peak_alive(parents, order):
    """How many results are alive at most; one without consumers is returned and stays."""
    uses = [0] * len(parents)
    for own in parents:
        for parent in set(own):
            uses[parent] += 1
    alive = peak = 0
    for position in order:
        alive += 1
        peak = max(peak, alive)
        for parent in set(parents[position]):
            uses[parent] -= 1
            alive -= uses[parent] == 0
    return peak


def test_a_chain_runs_along():
    """
    a ─► b ─► c

    There is only one order.
    """
    assert Graph(a="", b="a", c="b").order() == ["a", "b", "c"]


def test_chains_run_one_by_one():
    """
    a1 ─► b1 ─► c1
    a2 ─► b2 ─► c2      written level by level

    Each chain is followed to its end before the next one starts, in the order written.
    """
    graph = Graph(a1="", a2="", b1="a1", b2="a2", c1="b1", c2="b2")
    assert graph.order() == ["a1", "b1", "c1", "a2", "b2", "c2"]


def test_chains_from_one_root_into_a_sum_run_one_by_one():
    """
            ┌─► a1 ─► b1 ─► c1 ─┐
    load ───┼─► a2 ─► b2 ─► c2 ─┼─► sum
            └─► a3 ─► b3 ─► c3 ─┘

    Only the ends of the chains, the root and one chain's current pair are alive at once.
    """
    graph = Graph(
        load="",
        **{f"a{i}": "load" for i in (1, 2, 3)},
        **{f"b{i}": f"a{i}" for i in (1, 2, 3)},
        **{f"c{i}": f"b{i}" for i in (1, 2, 3)},
        sum="c1 c2 c3",
    )
    assert graph.order() == [
        *("load", "a1", "b1", "c1"),
        *("a2", "b2", "c2"),
        *("a3", "b3", "c3", "sum"),
    ]
    assert graph.peak() == 4


def test_many_long_chains_keep_their_ends_only():
    """
    x1 ─► … ─► e1 ─┐
       ⋮           ├─► sum      200 chains of 5, as memory is measured by
    x200 ─►…─► e200┘

    All ends wait for the sum, and one more result while the last chain runs.
    """
    parents = []
    for level, _ in itertools.product(range(5), range(200)):
        parents.append((len(parents) - 200,) if level else ())
    parents.append(tuple(range(800, 1000)))
    assert peak_alive(parents, depth_first_order(parents)) == 201


@pytest.mark.parametrize("first", ["s", "x"], ids=["sum first", "input first"])
def test_accumulation_keeps_few_alive(first):
    """
    x1   x2   x3   …
     │    │    │
    s1 ─► s2 ─► s3 ─► …

    Each input is made just before it is added, however many there are.
    """
    n = 50
    graph = Graph(
        **{f"x{i}": "" for i in range(n)},
        s0="x0",
        **{f"s{i}": f"s{i - 1} x{i}" if first == "s" else f"x{i} s{i - 1}" for i in range(1, n)},
    )
    assert graph.order()[:6] == ["x0", "s0", "x1", "s1", "x2", "s2"]
    assert graph.peak() == 3


def test_accumulation_of_prepared_inputs_keeps_few_alive():
    """
    x1 ─► y1 ─► z1    x2 ─► y2 ─► z2   …
                 │                 │
                s1 ──────────────► s2 ─► …

    The sum so far waits while one input is prepared.
    """
    parents = []
    for i in range(30):
        parents += [(), (len(parents),), (len(parents) + 1,)]
        parents.append((len(parents) - 1, len(parents) - 4) if i else (len(parents) - 1,))
    assert peak_alive(parents, depth_first_order(parents)) == 3


def test_the_longest_branch_of_a_fan_in_comes_first():
    """
    short ─────────────┐
    a ─► b ─► c ─► d ──┴─► end

    `short` is made last: it would only wait.
    """
    graph = Graph(short="", a="", b="a", c="b", d="c", end="short d")
    assert graph.order() == ["a", "b", "c", "d", "short", "end"]
    assert graph.peak() == 3


def test_equal_branches_come_in_the_order_of_arguments():
    """
    a ─┐
    b ─┼─► end
    c ─┘

    Nothing speaks for another order, so the user's holds.
    """
    assert Graph(b="", a="", c="", end="a b c").order() == ["a", "b", "c", "end"]


def test_a_tree_of_pairs_keeps_one_result_for_each_level():
    """
    x1 ─┐
    x2 ─┴─► y1 ─┐
    x3 ─┐       ├─► z
    x4 ─┴─► y2 ─┘      1024 leaves, 10 levels

    The left half is folded into one result before the right half starts.
    """
    parents = [()] * 1024
    level = list(range(1024))
    while len(level) > 1:
        pairs = list(zip(level[::2], level[1::2], strict=True))
        level = list(range(len(parents), len(parents) + len(pairs)))
        parents += pairs
    assert peak_alive(parents, depth_first_order(parents)) == 12


def test_a_diamond_keeps_its_root_until_both_sides_are_done():
    """
         ┌─► b ─┐
    a ───┤      ├─► d
         └─► c ─┘

    Either side first; three results are alive at most.
    """
    graph = Graph(a="", b="a", c="a", d="b c")
    assert graph.order() == ["a", "b", "c", "d"]
    assert graph.peak() == 3


def test_one_parent_taken_twice_is_visited_once():
    """
    a ═══► b

    Both arguments of b are a.
    """
    assert Graph(a="", b="a a").order() == ["a", "b"]


def test_separate_graphs_run_one_after_the_other():
    """
    a ─► b      c ─► d

    The sinks come in order of creation.
    """
    assert Graph(c="", a="", d="c", b="a").order() == ["c", "d", "a", "b"]


def test_long_chains_need_no_recursion():
    """
    0 ─► 1 ─► … ─► 99,999

    Longer than any stack of calls.
    """
    parents = [(), *((i,) for i in range(99_999))]
    assert depth_first_order(parents) == list(range(100_000))


def test_no_nodes_have_no_order():
    assert depth_first_order([]) == []


@st.composite
def graphs(draw):
    size = draw(st.integers(1, 25))
    positions = [st.integers(0, max(i - 1, 0)) for i in range(size)]
    return [tuple(draw(st.lists(positions[i], max_size=4))) if i else () for i in range(size)]


@given(graphs())
def test_every_node_comes_once_and_after_its_parents(parents):
    order = depth_first_order(parents)
    assert sorted(order) == list(range(len(parents)))
    place = {position: index for index, position in enumerate(order)}
    assert all(place[p] < place[i] for i, own in enumerate(parents) for p in own)
