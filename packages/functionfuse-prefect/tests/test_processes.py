"""Nodes in the processes of Prefect's own runner, started anew for each flow."""

from __future__ import annotations

import os
import sys
import time
import traceback

import cloudpickle
import pytest

from functionfuse import workflow
from functionfuse.errors import WorkersLostError, notes
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import require
from functionfuse.testing.functions import CustomError, fail, keep, make_unpicklable, table, token
from functionfuse.testing.graph_tests import states

require("prefect")

from prefect.task_runners import ProcessPoolTaskRunner  # noqa: E402

from functionfuse.backends.addons.prefectback import PrefectWorkflow  # noqa: E402

pytestmark = pytest.mark.usefixtures("temporary_server")

# Processes can't import a test module.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


@workflow
def meet(folder, mine, other):
    """Return the process, when the other node runs, too."""
    (folder / mine).touch()
    end = time.monotonic() + 60
    while not (folder / other).exists():
        assert time.monotonic() < end, "they do not run at once"
        time.sleep(0.01)
    print(f"{mine} met {other}")
    return os.getpid()


@workflow
def die(*inputs):
    os._exit(1)


def in_processes(*nodes, name):
    w = PrefectWorkflow(*nodes, workflow_name=name)
    w.set_prefect_flow_options({"task_runner": ProcessPoolTaskRunner(max_workers=2)})
    return w


def test_independent_nodes_run_at_once_and_prefect_draws_them(temporary_server, name, tmp_path):
    """Prefect hands processes no futures, yet its page has the edges."""
    a = meet(tmp_path, "a", "b").set_name("a")
    b = meet(tmp_path, "b", "a").set_name("b")
    w = in_processes(table(x=[a], y={"k": b}).set_name("table"), name=name)
    w.set_prefect_flow_options({**w._flow_options, "log_prints": True})
    pids = w.run()
    assert len({*pids["x"], pids["y"]["k"], os.getpid()}) == 3
    (run,) = temporary_server.flow_runs(name)
    assert temporary_server.edges(run["id"], 3) == {("a", "table"), ("b", "table")}
    assert set(temporary_server.states(run["id"], 3).values()) == {"Completed"}
    temporary_server.logs(run["id"], "a met b")


def test_an_error_has_the_traceback_of_the_process(name):
    with pytest.raises(CustomError) as caught:
        in_processes(fail(keep(1)).set_name("broken"), name=name).run()
    assert any("'broken'" in note for note in notes(caught.value))
    shown = "".join(traceback.format_exception(caught.value))
    assert 'raise CustomError(len(inputs), "on purpose")' in shown


def test_what_cannot_travel_names_its_node(name):
    nodes = make_unpicklable(1).set_name("lock"), keep(1).set_name("one")
    w = in_processes(*nodes, name=name)
    with pytest.raises(TypeError, match="pickle") as caught:
        w.run(on_error="continue")
    assert any("'lock'" in note for note in notes(caught.value))
    assert states(w) == {"lock": "failed", "one": "executed"}


def test_a_process_that_dies_loses_nothing_saved(name, tmp_path):
    before = token().set_name("before")
    w = in_processes(keep(die(before).set_name("dead")), before, name=name)
    w.set_storage(FileStorage(tmp_path))
    with pytest.raises(WorkersLostError, match=r"'dead'.*run again"):
        w.run()
    assert w.storage.list_tasks(name, "*") == ["before"]
