"""What is saved, what a second run loads, and when a saved result no longer fits."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from functionfuse.errors import ChangedNodesWarning, DamagedResultError, DamagedResultWarning, notes
from functionfuse.testing.functions import (
    add,
    fail,
    keep,
    make_unpicklable,
    other_token,
    prepend,
    token,
)
from functionfuse.testing.graph_tests import states

__all__ = ["ReuseTests"]

NAME = "conformance"


class ReuseTests:
    """Points 4, 5, 11 and 13 of what a run means."""

    @pytest.fixture
    def make(self, backend: Any, storage: Any) -> Any:
        """Make workflows that share the storage."""

        def make(*nodes: Any) -> Any:
            w = backend.make(*nodes, workflow_name=NAME)
            w.set_storage(storage)
            return w

        return make

    def test_every_result_is_saved_under_its_name(
        self, backend: Any, storage: Any, make: Any
    ) -> None:
        a = keep(None).set_name("a")
        b = prepend("x", a).set_name("b, c/d")
        backend.run(make(b))
        assert storage.list_tasks(NAME, "*") == ["a", "b, c/d"]
        assert storage.read_task(NAME, "a") is None
        assert storage.read_task(NAME, "b, c/d") == "xNone"

    def test_second_run_loads_what_is_given_and_skips_the_rest(
        self, backend: Any, make: Any
    ) -> None:
        """first ─► second (given)."""

        def build() -> Any:
            return make(token(token().set_name("first")).set_name("second"))

        result = backend.run(build())
        w = build()
        assert backend.run(w) == result
        assert states(w) == {"first": "skipped", "second": "loaded"}

    def test_unnamed_nodes_are_reused_too(self, backend: Any, make: Any) -> None:
        assert backend.run(make(token(token(), 3))) == backend.run(make(token(token(), 3)))

    def test_a_missing_node_executes_with_loaded_parents(
        self, backend: Any, storage: Any, make: Any
    ) -> None:
        """a ─► b (removed) ─► c: b executes although c is saved; its parent is loaded."""

        def build() -> Any:
            a = token().set_name("a")
            b = prepend("b of ", a).set_name("b")
            return make(token(b).set_name("c"), b)

        before = backend.run(build())
        storage.remove_task(NAME, "b")
        w = build()
        assert backend.run(w) == before
        assert states(w) == {"a": "loaded", "b": "executed", "c": "loaded"}

    def test_falsy_results_are_loaded(self, backend: Any, make: Any) -> None:
        values: list[Any] = [None, 0, [], ""]

        def build() -> Any:
            return make(*(keep(value).set_name(f"{value!r}") for value in values))

        backend.run(build())
        w = build()
        assert backend.run(w) == values
        assert w.last_run.counts() == {"executed": 0, "loaded": 4, "skipped": 0}

    def test_named_nodes_are_reused_with_one_warning_when_they_changed(
        self, backend: Any, make: Any
    ) -> None:
        """code and argument changed; below them nothing was computed from anything new."""

        def build(function: Any, argument: int) -> Any:
            coded = function(1).set_name("coded")
            argued = keep(argument).set_name("argued")
            return make(token(coded, argued).set_name("below"), coded)

        before = backend.run(build(token, 1))
        with pytest.warns(ChangedNodesWarning) as caught:
            assert backend.run(build(other_token, 2)) == before
        (message,) = [str(warning.message) for warning in caught]
        assert "'coded': code" in message
        assert "'argued': argument value" in message
        assert "below" not in message

    def test_a_child_computed_from_an_old_value_stays_what_it_was(
        self, backend: Any, storage: Any, make: Any
    ) -> None:
        """The changed parent is still loaded; the child that is computed from it is old, too."""

        def build(argument: int) -> Any:
            return make(prepend("of ", keep(argument).set_name("p")).set_name("c"))

        backend.run(build(1))
        storage.remove_task(NAME, "c")
        with pytest.warns(ChangedNodesWarning):
            assert backend.run(build(2)) == "of 1"
        w = build(2)
        assert backend.run(w, reuse="unchanged") == "of 2"
        assert states(w) == {"p": "executed", "c": "executed"}

    def test_unchanged_executes_what_changed_and_all_below(self, backend: Any, make: Any) -> None:
        """a ─► b (changed) ─► c, and d beside them."""

        def build(argument: int) -> Any:
            a = token().set_name("a")
            b = keep([argument, a]).set_name("b")
            return make(token(b).set_name("c"), token(a).set_name("d"))

        c, d = backend.run(build(1))
        w = build(2)
        new_c, same_d = backend.run(w, reuse="unchanged")
        assert (new_c != c, same_d == d) == (True, True)
        assert states(w) == {"a": "loaded", "b": "executed", "c": "executed", "d": "loaded"}
        again = build(2)
        assert backend.run(again, reuse="unchanged") == [new_c, d]
        assert again.last_run.counts() == {"executed": 0, "loaded": 2, "skipped": 2}

    def test_unnamed_nodes_are_reused_only_if_unchanged(self, backend: Any, make: Any) -> None:
        assert backend.run(make(keep(1))) == 1
        assert backend.run(make(keep(2))) == 2

    def test_never_executes_everything(self, backend: Any, make: Any) -> None:
        w = make(token(token().set_name("a")).set_name("b"))
        before = backend.run(w)
        assert backend.run(w, reuse="never") != before
        assert w.last_run.counts() == {"executed": 2, "loaded": 0, "skipped": 0}

    def test_the_plan_is_what_the_run_does(self, backend: Any, make: Any) -> None:
        w = make(token(token().set_name("a")).set_name("b"))
        assert w.plan().to_dict() == {"a": "execute", "b": "execute"}
        backend.run(w)
        assert w.plan().to_dict() == {"a": "skip", "b": "load"}
        assert w.plan(reuse="never").to_dict() == {"a": "execute", "b": "execute"}

    def test_an_unknown_reuse_policy_is_refused(self, backend: Any, make: Any) -> None:
        w = make(keep(1))
        with pytest.raises(ValueError, match="'saved', 'unchanged', 'never'"):
            backend.run(w, reuse="always")

    def test_a_result_that_cannot_be_pickled_names_its_node_and_loses_nothing(
        self, backend: Any, storage: Any, make: Any
    ) -> None:
        before = keep(1).set_name("before")
        node = make_unpicklable(before).set_name("lock")
        with pytest.raises(TypeError, match="pickle") as caught:
            backend.run(make(node))
        assert any("'lock'" in note for note in notes(caught.value))
        assert storage.list_tasks(NAME, "*") == ["before"]

    def test_what_was_saved_before_a_failure_is_loaded_after_it(
        self, backend: Any, make: Any
    ) -> None:
        def build(last: Any) -> Any:
            a = token().set_name("a")
            return make(last(a).set_name("last"), a)

        with pytest.raises(Exception, match="on purpose"):
            backend.run(build(fail))
        w = build(keep)
        backend.run(w)
        assert states(w) == {"a": "loaded", "last": "executed"}

    @pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "empty"])
    def test_a_damaged_result_is_computed_again(
        self, backend: Any, storage: Any, make: Any, damage: str
    ) -> None:
        """a (skipped, until b turns out damaged) ─► b ─► c (removed)."""

        def build() -> Any:
            a = keep(4).set_name("a")
            b = add(a, 1).set_name("b")
            return make(add(b, 1).set_name("c"))

        backend.run(build())
        storage.remove_task(NAME, "c")
        damage_result(storage, "b", damage)
        with pytest.raises(DamagedResultError):
            storage.read_task(NAME, "b")
        w = build()
        with pytest.warns(DamagedResultWarning, match="'b'"):
            assert backend.run(w) == 6
        assert states(w) == {"a": "loaded", "b": "executed", "c": "executed"}
        assert storage.read_task(NAME, "b") == 5

    def test_log_nodes_always_execute_and_are_never_saved(
        self, backend: Any, storage: Any, make: Any
    ) -> None:
        """a ─► log ─► b: the log node runs again and does not count against b."""

        def build(function: Any) -> Any:
            a = token().set_name("a")
            log = function(a).set_name("log")
            w = make(token(log).set_name("b"))
            w.log_nodes("log")
            return w

        before = backend.run(build(token))
        w = build(other_token)
        with warnings.catch_warnings():
            warnings.simplefilter("error", ChangedNodesWarning)
            assert backend.run(w) == before
        assert states(w) == {"a": "loaded", "log": "executed", "b": "loaded"}
        assert storage.list_tasks(NAME, "*") == ["a", "b"]

    def test_becoming_a_log_node_changes_nothing_below(self, backend: Any, make: Any) -> None:
        """a ─► log ─► b: saved before the middle was a log node."""

        def build() -> Any:
            log = token(token().set_name("a")).set_name("log")
            return make(token(log).set_name("b"))

        before = backend.run(build())
        w = build()
        w.log_nodes("log")
        assert backend.run(w, reuse="unchanged") == before
        assert states(w) == {"a": "loaded", "log": "executed", "b": "loaded"}

    def test_consumers_get_what_is_read_back_when_always_read(
        self, backend: Any, storage: Any, make: Any
    ) -> None:
        backend.needs("shares_memory")
        literal = [1]
        storage.always_read = True
        result = backend.run(make(keep(literal).set_name("literal")))
        assert result == literal
        assert result is not literal

    def test_sizes_of_stored_results_are_told(self, backend: Any, make: Any) -> None:
        w = make(keep(b"x" * 10_000).set_name("x"))
        backend.run(w)
        assert w.last_run["x"].stored_bytes > 10_000
        backend.run(w)
        assert w.last_run["x"].stored_bytes > 10_000


def damage_result(storage: Any, task: str, damage: str) -> None:
    """Damage a stored result as a power cut, a bad disk or a stranger would."""
    keeper, key = storage._keeper, storage._key(NAME, task)
    data = bytearray(keeper.read(key))
    if damage == "cut":
        del data[-7:]
    elif damage == "flipped":
        data[-20] ^= 4
    elif damage == "foreign":
        data = bytearray(b"not a result")
    else:
        data.clear()
    keeper.write(key, lambda write_all: write_all(bytes(data)))
