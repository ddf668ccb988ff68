"""Which nodes run, under which names, and what is returned."""

from __future__ import annotations

from typing import Any

import pytest

from functionfuse import workflow
from functionfuse.errors import notes
from functionfuse.testing.functions import add, add_async, keep, table, token, total

__all__ = ["GraphTests"]


class GraphTests:
    """Points 1, 2, 6 and 7 of what a run means."""

    def test_one_given_node_returns_its_result(self, backend: Any) -> None:
        assert backend.run(backend.make(add(1, 2))) == 3

    def test_several_given_nodes_return_a_list_in_their_order(self, backend: Any) -> None:
        one, two = keep(1), keep(2)
        assert backend.run(backend.make(two, one, two)) == [2, 1, 2]

    def test_given_items_return_items_of_results(self, backend: Any) -> None:
        node = keep({"a": [10, 20], "b": 30})
        results = backend.run(backend.make(node["a"][1], node["b"], node))
        assert results == [20, 30, {"a": [10, 20], "b": 30}]

    def test_one_given_item_returns_it(self, backend: Any) -> None:
        assert backend.run(backend.make(keep([7])[0])) == 7

    def test_a_missing_given_item_raises_its_own_error(self, backend: Any) -> None:
        node = keep({"a": 1}).set_name("settings")
        with pytest.raises(KeyError) as caught:
            backend.run(backend.make(node["missing"]))
        assert any("'settings'" in note for note in notes(caught.value))

    def test_all_that_descends_from_the_roots_runs(self, backend: Any) -> None:
        """The side branch runs although nobody asked for it.

        root ─► given
          └───► side
        """
        root = keep(1).set_name("root")
        given, _ = keep(root).set_name("given"), keep(root).set_name("side")
        w = backend.make(given)
        backend.run(w)
        assert states(w) == {"root": "executed", "given": "executed", "side": "executed"}

    def test_a_descendant_gets_what_it_needs_from_outside(self, backend: Any) -> None:
        """Of `outside` only what the descendant needs runs, not its other child.

        root ───► given
          └─────► descendant ◄── outside ──► unrelated
        """
        root, outside = keep(1).set_name("root"), keep(2).set_name("outside")
        given = keep(root).set_name("given")
        descendant = add(root, outside).set_name("descendant")
        keep(outside).set_name("unrelated")
        w = backend.make(given)
        backend.run(w)
        assert set(states(w)) == {"root", "outside", "given", "descendant"}
        assert backend.run(backend.make(descendant)) == 3

    def test_a_node_runs_once_for_several_consumers(self, backend: Any) -> None:
        source = token()
        first, second = backend.run(backend.make(keep(source), keep(source)))
        assert first == second

    def test_a_diamond_and_a_wide_fan_in(self, backend: Any) -> None:
        root = keep(1)
        assert backend.run(backend.make(total([add(root, i) for i in range(30)]))) == 465

    def test_a_long_chain(self, backend: Any) -> None:
        node = keep(0)
        for _ in range(40):
            node = add(node, 1)
        assert backend.run(backend.make(node)) == 40

    def test_async_functions_are_awaited(self, backend: Any) -> None:
        assert backend.run(backend.make(add_async(add_async(1, 2), 3))) == 6

    def test_results_may_be_none_and_falsy(self, backend: Any) -> None:
        values: list[Any] = [None, 0, "", [], {}, False]
        assert backend.run(backend.make(*map(keep, values))) == values

    def test_functions_made_inside_functions_run(self, backend: Any) -> None:
        backend.needs("closures")
        offset = 10

        @workflow
        def shift(x: int) -> int:
            return x + offset

        assert backend.run(backend.make(shift(1))) == 11
        assert backend.run(backend.make(workflow(lambda x: x - offset)(1))) == -9

    def test_unnamed_nodes_are_numbered_in_order_of_creation(self, backend: Any) -> None:
        first, second = keep("a"), keep("b")
        w = backend.make(second, add(first, second))
        names = {name: node for name, node in w.graph_traversal()}
        assert names["keep_0000"] is first
        assert names["keep_0001"] is second
        assert first.get_name() is None

    def test_names_of_any_text(self, backend: Any) -> None:
        names = ["a, b (c)", "x/y", "..", "é 模型", "CON", "{braces} %s", "n" * 300]
        nodes = [keep(name).set_name(name) for name in names]
        w = backend.make(*nodes)
        assert backend.run(w) == names
        assert {name for name, _ in w.graph_traversal()} == set(names)

    def test_find_nodes_matches_whole_names(self, backend: Any) -> None:
        nodes = [keep(i).set_name(name) for i, name in enumerate(["model", "model 2", "data"])]
        w = backend.make(*nodes)
        assert w.find_nodes("model") == nodes[:1]
        assert w.find_nodes("model.*") == nodes[:2]
        assert w.query("mod.*").nodes == nodes[:2]
        assert w.query().nodes == nodes
        assert w.query("data").workflow is w

    def test_graph_traversal_gives_parents_first(self, backend: Any) -> None:
        a = keep(1).set_name("a")
        b = keep(a).set_name("b")
        c = table(x=b, y=a).set_name("c")
        names = [name for name, _ in backend.make(c).graph_traversal()]
        assert sorted(names) == ["a", "b", "c"]
        assert names.index("a") < names.index("b") < names.index("c")

    def test_a_workflow_runs_again(self, backend: Any) -> None:
        w = backend.make(token())
        assert backend.run(w) != backend.run(w)

    def test_one_graph_in_two_workflows(self, backend: Any) -> None:
        node = keep(5).set_name("five")
        first, second = backend.make(node), backend.make(add(node, 1), node)
        assert (backend.run(first), backend.run(second), backend.run(first)) == (5, [6, 5], 5)

    def test_the_last_run_is_told(self, backend: Any) -> None:
        w: Any = backend.make(keep(1).set_name("one"))
        assert not w.last_run
        backend.run(w)
        run = w.last_run["one"]
        assert run.state == "executed"
        assert run.started > 1e9
        assert 0 <= run.duration < 60
        assert w.last_run.counts() == {"executed": 1, "loaded": 0, "skipped": 0}


def states(w: Any) -> dict[str, str]:
    """The state of each node in the last run."""
    return {name: str(run.state) for name, run in w.last_run.items()}
