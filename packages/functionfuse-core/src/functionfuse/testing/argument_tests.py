"""How arguments arrive in functions."""

from __future__ import annotations

from typing import Any

import pytest

from functionfuse.errors import notes
from functionfuse.testing.functions import Point, SubPoint, keep, make_node, prepend, show, table

__all__ = ["ArgumentTests"]


class ArgumentTests:
    """Point 3 of what a run means."""

    @pytest.mark.parametrize(
        "literal",
        [
            1,
            "text",
            b"bytes",
            2.5,
            None,
            [1, [2]],
            {"k": (1, 2)},
            {1, 2},
            frozenset({3}),
            Point(1, 2),
        ],
        ids=repr,
    )
    def test_literals_arrive_as_they_are(self, backend: Any, literal: Any) -> None:
        assert backend.run(backend.make(show(literal, key=literal))) == repr(
            ((literal,), {"key": literal})
        )

    def test_nodes_are_found_inside_containers(self, backend: Any) -> None:
        one, text = keep(1), keep("t")
        args = ([one, [text]], (one,), {"k": {"deep": text}}, Point(one, [text]))
        assert backend.run(backend.make(show(*args))) == repr(
            (([1, ["t"]], (1,), {"k": {"deep": "t"}}, Point(1, ["t"])), {})
        )

    def test_nodes_are_found_inside_sets(self, backend: Any) -> None:
        nodes = [keep(1), keep(2)]
        sets = table(a={*nodes, 3}, b=frozenset(nodes))
        assert backend.run(backend.make(sets)) == {"a": {1, 2, 3}, "b": frozenset({1, 2})}

    def test_items_are_taken_wherever_they_stand(self, backend: Any) -> None:
        node = keep({"rows": [[1, 2], [3, 4]], "n": 2})
        result = backend.run(backend.make(show(node["rows"][1][0], [node["n"]], k=node["rows"][0])))
        assert result == repr(((3, [2]), {"k": [1, 2]}))

    def test_slices_are_items(self, backend: Any) -> None:
        assert backend.run(backend.make(keep(keep([1, 2, 3])[1:]))) == [2, 3]

    def test_the_order_of_arguments_is_kept(self, backend: Any) -> None:
        a, b = keep("a"), keep("b")
        w = backend.make(prepend(a, b), prepend(b, a), prepend(to=a, text=b), prepend(a, a))
        assert backend.run(w) == ["ab", "ba", "ba", "aa"]

    def test_keyword_arguments_may_be_nodes(self, backend: Any) -> None:
        assert backend.run(backend.make(table(x=keep(1), y=2))) == {"x": 1, "y": 2}

    def test_subclasses_of_containers_are_opaque(self, backend: Any) -> None:
        literal = SubPoint(1, 2)
        assert backend.run(backend.make(keep(literal))) == literal

    def test_containers_without_nodes_are_passed_as_the_same_object(self, backend: Any) -> None:
        backend.needs("shares_memory")
        literal = [1, {"a": (2,)}]
        assert backend.run(backend.make(keep(literal))) is literal

    def test_a_node_as_a_result_is_refused(self, backend: Any) -> None:
        with pytest.raises(TypeError, match="decorated function called inside another"):
            backend.run(backend.make(make_node(1)))

    def test_a_missing_item_raises_its_own_error_naming_the_consumer(self, backend: Any) -> None:
        node = keep(keep([1])[5]).set_name("consumer")
        with pytest.raises(IndexError) as caught:
            backend.run(backend.make(node))
        assert any("'consumer'" in note for note in notes(caught.value))
