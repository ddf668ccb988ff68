"""Why a run would execute, load or skip each node: what the plan decided, in words."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from functionfuse.errors import ChangedNodesWarning, NoMatchWarning
from functionfuse.testing.functions import keep, other_token, prepend, token
from functionfuse.testing.reuse_tests import NAME, damage_result

__all__ = ["WhyTests"]


class WhyTests:
    """What `why` tells is what the plan does, on every backend."""

    @pytest.fixture
    def build(self, backend: Any, storage: Any) -> Any:
        """data ─► item ─► model, a log node and an unnamed one: all that a plan can decide."""

        def build(argument: int = 1, function: Any = token) -> Any:
            data = function().set_name("data")
            model = keep([prepend("of ", data).set_name("item"), argument]).set_name("model")
            log = keep(model).set_name("log")
            w = backend.make(model, keep(argument), log, workflow_name=NAME)
            w.set_storage(storage)
            w.log_nodes("log")
            return w

        return build

    def test_it_says_what_the_plan_does(self, backend: Any, storage: Any, build: Any) -> None:
        backend.run(build())
        storage.remove_task(NAME, "item")
        w = build(2, other_token)
        for reuse in ("saved", "unchanged", "never"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ChangedNodesWarning)
                plan = w.plan(reuse=reuse).to_dict()
            why = w.why(reuse=reuse).to_dict()
            assert {name: found["action"] for name, found in why.items()} == plan
        with pytest.raises(ValueError, match="'saved', 'unchanged', 'never'"):
            w.why(reuse="always")

    def test_it_runs_nothing_and_warns_of_nothing(
        self, backend: Any, storage: Any, build: Any
    ) -> None:
        backend.run(build())
        w = build(2)
        with warnings.catch_warnings():
            warnings.simplefilter("error", ChangedNodesWarning)
            w.why()
        assert w.last_run is None
        assert storage.list_tasks(NAME, "*") == ["data", "item", "keep_0000", "model"]

    def test_each_node_has_its_reason(self, backend: Any, storage: Any, build: Any) -> None:
        assert reasons(build()) == dict.fromkeys(
            ("data", "item", "keep_0000", "model"), "not saved"
        ) | {"log": "log node"}
        backend.run(build())
        damage_result(storage, "data", "foreign")
        storage.save(NAME, "item", "by hand")
        assert reasons(build(2)) == {
            "data": "damaged",
            "item": "saved by hand",
            "keep_0000": "changed",
            "model": "changed",
            "log": "log node",
        }
        assert reasons(build(), reuse="never")["model"] == "never reused"

    def test_changes_are_told_one_by_one(self, backend: Any, build: Any) -> None:
        backend.run(build())
        with pytest.warns(ChangedNodesWarning, match=r"why\(\)") as caught:
            backend.run(build(2, other_token))
        why = build(2, other_token).why()
        assert [type(change).__name__ for change in why["data"].changes] == ["CodeChange"]
        ((change,), text) = why["model"].changes, str(why["model"])
        assert str(change) == "argument value was [<a node>, 1], is [item, 2]"
        assert text.startswith("load    model: saved on 20")
        assert text.endswith(f"reused by its name although it changed:\n          {change}")
        (message,) = [str(warning.message) for warning in caught]
        assert all(
            str(change) in message for name in ("data", "model") for change in why[name].changes
        )

    def test_a_parent_that_executes_is_named(self, backend: Any, build: Any) -> None:
        backend.run(build())
        why = build(1, other_token).why("item|model", reuse="unchanged")
        assert [str(change) for explanation in why.values() for change in explanation.changes] == [
            "upstream changed: parent 'data' will execute",
            "upstream changed: parent 'item' will execute",
        ]

    def test_it_is_printed_shown_and_written_as_json(self, backend: Any, build: Any) -> None:
        backend.run(build())
        why = build(2).why()
        assert str(why).count("\n") + 1 == len(why) + 2
        assert why._repr_html_().count("<tr>") == len(why) + 1
        found = json.loads(json.dumps(why.to_dict()))
        assert list(found) == list(why)
        assert found["model"]["changes"][0]["what"] == "argument"
        assert set(found["model"]["saved"]) == {"started", "duration", "python"}

    def test_a_pattern_selects_nodes(self, build: Any) -> None:
        assert list(build().why("data|it.*")) == ["data", "item"]
        with pytest.warns(NoMatchWarning, match="'none'"):
            assert not build().why("none")

    def test_without_a_storage_everything_executes(self, backend: Any) -> None:
        w = backend.make(prepend("of ", token().set_name("a")).set_name("b"))
        assert reasons(w) == {"a": "no storage", "b": "no storage"}
        assert {found.action.value for found in w.why().values()} == {"execute"}


def reasons(w: Any, **options: Any) -> dict[str, str]:
    """Return the reason in short for each node."""
    return {name: explanation.reason for name, explanation in w.why(**options).items()}
