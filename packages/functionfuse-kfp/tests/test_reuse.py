"""What the containers of a pipeline that was compiled for later decide by themselves."""

from __future__ import annotations

import json

import pytest

from functionfuse.backends.addons.kfpback import KFPWorkflow
from functionfuse.backends.addons.kfpback._components import make_components
from functionfuse.backends.addons.kfpback._context import PYTHON
from functionfuse.backends.addons.kfpback._saves import saves_of_compiled
from functionfuse.backends.addons.kfpback._values import Values
from functionfuse.backends.addons.kfpcontainer import ComponentSpec
from functionfuse.backends.addons.kfpcontainer._reuse import decide
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.plan import make_plan
from functionfuse.run import Run
from functionfuse.storage.filestorage import FileStorage
from functionfuse.storage.format import Header
from functionfuse.testing.functions import add, keep


@pytest.fixture
def storage(tmp_path):
    return FileStorage(tmp_path)


def chain(value, last=0):
    """Return the last of first ─► log 1 ─► log 2 ─► last."""
    node = keep(value).set_name("first")
    for name in ("log 1", "log 2"):
        node = keep(node).set_name(name)
    return add(node, last).set_name("last")


def saved(node, storage, *, logs=None):
    """Have a run in the driver save all."""
    w = LocalWorkflow(node, workflow_name="w")
    w.set_storage(storage)
    if logs is not None:
        w.log_nodes(logs)
    w.run(reuse="never")


def reused(node, storage, reuse, *, logs=None):
    """Return the names of the nodes whose saved results the containers take."""
    w = KFPWorkflow(node, workflow_name="w")
    if logs is not None:
        w.log_nodes(logs)
    run = Run(w.graph, "w", None, "raise", {})
    run.begin(make_plan(w.graph, {}, "never", w.graph.leaf_positions, logs=w._logs))
    saves = saves_of_compiled(w.graph, w._logs)
    spec = ComponentSpec("w", PYTHON, None, reuse, True)
    headers, names = {}, []
    for component in make_components(run, Values(None), saves, None):
        taken = {name: headers[source] for name, source in component.inputs.items()}
        decisions = decide(component.nodes, spec, storage, taken.__getitem__)
        for one, decision in zip(component.nodes, decisions, strict=True):
            fingerprint = json.loads(json.dumps(decision.fingerprint))
            headers[component.name, one.output] = Header(one.name, fingerprint)
            names += [one.name] if decision.saved is not None else []
    return names


@pytest.mark.parametrize("before", [None, "log 1", "log 2", "log .*"])
@pytest.mark.parametrize("now", [None, "log 1", "log 2", "log .*"])
def test_a_result_fits_also_where_a_parent_became_a_log_node(storage, before, now):
    """As in a run that is planned, one fits that was made from the parents or past them."""
    saved(chain(1), storage, logs=before)
    planned = LocalWorkflow(chain(1), workflow_name="w")
    planned.set_storage(storage)
    if now is not None:
        planned.log_nodes(now)
    executed = [
        name
        for name, what in planned.plan(reuse="unchanged").to_dict().items()
        if what == "execute"
    ]
    names = reused(chain(1), storage, "unchanged", logs=now)
    assert sorted([*names, *executed]) == ["first", "last", "log 1", "log 2"]


def test_what_changed_does_not_fit(storage):
    saved(chain(1), storage)
    assert reused(chain(2), storage, "unchanged", logs="log .*") == []
    assert reused(chain(1, last=1), storage, "unchanged", logs="log .*") == ["first"]


def test_a_changed_result_that_is_reused_by_its_name_is_told_with_what_changed(storage, caplog):
    saved(chain(1), storage)
    assert len(reused(chain(1), storage, "saved")) == 4
    assert not caplog.records
    assert len(reused(chain(2), storage, "saved")) == 4
    (message,) = caplog.messages
    assert "result of node 'first' is reused by its name although" in message
    assert message.endswith("argument value was 1, is 2")
