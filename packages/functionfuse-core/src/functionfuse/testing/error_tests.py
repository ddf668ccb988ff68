"""How failures of nodes reach the caller."""

from __future__ import annotations

from typing import Any

import pytest

from functionfuse.errors import notes
from functionfuse.testing.functions import CustomError, add, fail, keep
from functionfuse.testing.graph_tests import states

__all__ = ["ErrorTests"]


class ErrorTests:
    """Point 9 of what a run means."""

    def test_an_exception_arrives_as_its_own_type_naming_node_and_workflow(
        self, backend: Any
    ) -> None:
        node = keep(fail(1).set_name("broken"))
        with pytest.raises(CustomError) as caught:
            backend.run(backend.make(node, workflow_name="doomed"))
        assert (caught.value.code, caught.value.reason) == (1, "on purpose")
        assert any("'broken'" in note and "'doomed'" in note for note in notes(caught.value))

    def test_nothing_depending_on_a_failure_runs(self, backend: Any) -> None:
        broken = fail().set_name("broken")
        w = backend.make(keep(broken).set_name("below"))
        with pytest.raises(CustomError):
            backend.run(w)
        assert states(w) == {"broken": "failed", "below": "pending"}

    def test_continue_runs_all_that_does_not_depend_on_a_failure(self, backend: Any) -> None:
        """One branch of the root fails, the other is finished.

        root ─► broken ─► below ─► far below
          └───► sound ─► end
        """
        root = keep(1).set_name("root")
        below = keep(fail(root).set_name("broken")).set_name("below")
        end = add(keep(root).set_name("sound"), 1).set_name("end")
        w = backend.make(keep(below).set_name("far below"), end)
        with pytest.raises(CustomError):
            backend.run(w, on_error="continue")
        assert states(w) == {
            "root": "executed",
            "broken": "failed",
            "below": "pending",
            "far below": "pending",
            "sound": "executed",
            "end": "executed",
        }

    def test_continue_raises_the_first_failure_and_lists_the_others(self, backend: Any) -> None:
        nodes = [fail(*range(i)).set_name(f"broken {i}") for i in range(3)]
        with pytest.raises(CustomError) as caught:
            backend.run(backend.make(*nodes), on_error="continue")
        text = "\n".join(notes(caught.value))
        assert all(f"'broken {i}'" in text for i in range(3))

    def test_an_unknown_error_policy_is_refused(self, backend: Any) -> None:
        w = backend.make(keep(1))
        with pytest.raises(ValueError, match="'raise', 'continue'"):
            backend.run(w, on_error="ignore")

    def test_a_workflow_runs_after_a_failure(self, backend: Any) -> None:
        w = backend.make(fail())
        for _ in range(2):
            with pytest.raises(CustomError):
                backend.run(w)

    @pytest.mark.parametrize("given", [(), (3,), ([keep(1)],)], ids=["none", "number", "list"])
    def test_what_is_no_node_is_refused(self, backend: Any, given: Any) -> None:
        with pytest.raises((TypeError, ValueError)):
            backend.make(*given)

    def test_what_is_no_name_is_refused(self, backend: Any) -> None:
        with pytest.raises(TypeError, match="workflow_name"):
            backend.make(keep(1), workflow_name=7)

    def test_what_is_no_storage_is_refused(self, backend: Any) -> None:
        with pytest.raises(TypeError, match="storage"):
            backend.make(keep(1)).set_storage({"kind": "file"})

    def test_two_nodes_of_one_name_are_refused(self, backend: Any) -> None:
        a, b = keep(1).set_name("twin"), keep(2).set_name("twin")
        with pytest.raises(ValueError, match="'twin'"):
            backend.make(a, b)
