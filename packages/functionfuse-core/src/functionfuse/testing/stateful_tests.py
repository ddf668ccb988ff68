"""Stateful nodes: calls on one instance, and when they happen again."""

from __future__ import annotations

from typing import Any

import pytest

from functionfuse.errors import notes
from functionfuse.testing.functions import Account, CustomError, add, keep, token
from functionfuse.testing.graph_tests import states

__all__ = ["StatefulTests"]

NAME = "conformance"


class StatefulTests:
    """Point 8 of what a run means."""

    @pytest.fixture(autouse=True)
    def _needs_stateful(self, request: pytest.FixtureRequest, backend: Any) -> None:
        if request.function.__name__ in vars(StatefulTests):
            backend.needs("stateful")

    def test_calls_happen_in_the_order_written_on_one_instance(self, backend: Any) -> None:
        account: Any = Account(100)
        first = account.deposit(1)
        second = account.deposit(10)
        third = account.deposit(add(first, second))
        assert backend.run(backend.make(third, first, second)) == [323, 101, 111]

    def test_results_of_calls_are_arguments_like_any_other(self, backend: Any) -> None:
        start = keep(5)
        account: Any = Account(start)
        assert backend.run(backend.make(add(account.deposit(start), 1))) == 11

    def test_two_instances_do_not_mix(self, backend: Any) -> None:
        first: Any = Account(0)
        second: Any = Account(1000)
        nodes = first.deposit(1), second.deposit(1), first.deposit(1), second.deposit(1)
        assert backend.run(backend.make(*nodes)) == [1, 1001, 2, 1002]

    def test_each_run_makes_a_new_instance(self, backend: Any) -> None:
        w = backend.make(Account(1).deposit(1))
        assert [backend.run(w), backend.run(w)] == [2, 2]

    def test_a_later_call_needs_the_earlier_ones(self, backend: Any) -> None:
        """Only the last call is given; those before it happen too."""
        account: Any = Account(1)
        account.deposit(1)
        account.deposit(1)
        assert backend.run(backend.make(account.deposit(1))) == 4

    def test_names_are_those_of_the_class_and_its_methods(self, backend: Any) -> None:
        account: Any = Account(1)
        w = backend.make(account.deposit(1), account.deposit(2).set_name("second"))
        names = [name for name, _ in w.graph_traversal()]
        assert names == ["Account_0000", "Account.deposit_0000", "second"]

    def test_only_results_of_calls_are_saved(self, backend: Any, storage: Any) -> None:
        account: Any = Account(1)
        account.set_name("account")
        w = backend.make(account.deposit(1).set_name("deposit"), workflow_name=NAME)
        w.set_storage(storage)
        assert backend.run(w) == 2
        assert storage.list_tasks(NAME, "*") == ["deposit"]
        assert backend.run(w) == 2
        assert states(w) == {"account": "skipped", "deposit": "loaded"}

    def test_a_replay_restores_the_state_and_leaves_saved_results_alone(
        self, backend: Any, storage: Any
    ) -> None:
        """r1 ─► r2 ─► r3 on one instance; r2 is removed, so r1 is replayed for it.

        What consumes r1 gets the saved result, not the replayed one.
        """

        def build() -> Any:
            account: Any = Account(10)
            account.set_name("account")
            account.deposit(5).set_name("deposit")
            receipts = [account.receipt().set_name(f"r{i}") for i in (1, 2, 3)]
            w = backend.make(*receipts, keep(receipts[0][1]).set_name("kept"), workflow_name=NAME)
            w.set_storage(storage)
            return w

        r1, r2, r3, kept = backend.run(build())
        storage.remove_task(NAME, "r2")
        storage.remove_task(NAME, "kept")
        w = build()
        again = backend.run(w)
        assert again[0] == r1 == storage.read_task(NAME, "r1")
        assert again[1][0] == r2[0] == 15
        assert again[1] != r2
        assert again[2] == r3
        assert again[3] == kept == r1[1]
        assert states(w) == {
            "account": "executed",
            "deposit": "skipped",
            "r1": "loaded",
            "r2": "executed",
            "r3": "loaded",
            "kept": "executed",
        }

    def test_what_stands_between_calls_takes_the_saved_result_of_a_replayed_one(
        self, backend: Any, storage: Any
    ) -> None:
        """r1 ─► kept ─► r2, where r1 and r2 are calls on one instance; kept and r2 are removed."""

        def build() -> Any:
            account: Any = Account(10)
            r1 = account.receipt().set_name("r1")
            kept = keep(r1[1]).set_name("kept")
            r2 = account.receipt(kept).set_name("r2")
            w = backend.make(r1, kept, r2, workflow_name=NAME)
            w.set_storage(storage)
            return w

        r1, *_ = backend.run(build())
        storage.remove_task(NAME, "kept")
        storage.remove_task(NAME, "r2")
        again = backend.run(build())
        assert again[0] == r1
        assert again[1] == r1[1]

    def test_changed_calls_execute_with_all_after_them(self, backend: Any, storage: Any) -> None:
        def build(amount: int) -> Any:
            account: Any = Account(0)
            calls = [
                account.deposit(1).set_name("first"),
                account.deposit(amount).set_name("second"),
                account.deposit(100).set_name("third"),
            ]
            w = backend.make(*calls, workflow_name=NAME)
            w.set_storage(storage)
            return w

        assert backend.run(build(10)) == [1, 11, 111]
        w = build(20)
        assert backend.run(w, reuse="unchanged") == [1, 21, 121]
        assert states(w)["first"] == "loaded"
        assert states(w)["third"] == "executed"

    def test_a_result_from_a_changed_effect_never_passes_for_another(
        self, backend: Any, storage: Any
    ) -> None:
        """The first call changes, is loaded by its name, and is replayed as it is now written.

        deposit(1 or 100) ─► deposit(1)
        """

        def build(amount: int, *, second: bool = True) -> Any:
            account: Any = Account(0)
            calls = [account.deposit(amount).set_name("first")]
            if second:
                calls.append(account.deposit(1).set_name("second"))
            w = backend.make(calls[-1], workflow_name=NAME)
            w.set_storage(storage)
            return w

        backend.run(build(1, second=False))
        with pytest.warns(UserWarning, match="'first': argument"):
            backend.run(build(100))
        assert backend.run(build(1), reuse="unchanged") == 2

    def test_a_call_that_fails_blocks_those_after_it(self, backend: Any) -> None:
        account: Any = Account(1)
        account.set_name("account")
        account.fail().set_name("broken")
        after = account.deposit(1).set_name("after")
        w = backend.make(after, token().set_name("apart"))
        with pytest.raises(CustomError, match="call on purpose"):
            backend.run(w, on_error="continue")
        assert states(w) == {
            "account": "executed",
            "broken": "failed",
            "after": "pending",
            "apart": "executed",
        }

    def test_a_construction_that_fails_is_named(self, backend: Any) -> None:
        account: Any = Account(1, fails=True)
        account.set_name("account")
        with pytest.raises(CustomError, match="no account") as caught:
            backend.run(backend.make(account.deposit(1)))
        assert any("'account'" in note for note in notes(caught.value))

    def test_an_instance_is_neither_given_nor_an_argument(self, backend: Any) -> None:
        account: Any = Account(1)
        with pytest.raises(TypeError, match="call"):
            backend.make(account)
        with pytest.raises(TypeError, match="call"):
            keep([account])
