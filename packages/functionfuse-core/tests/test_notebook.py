"""Workflows in a real Jupyter kernel: cells that run again, and how a workflow is shown."""

from __future__ import annotations

import pytest

from functionfuse.testing import require

nbclient, nbformat, _ = map(require, ("nbclient", "nbformat", "ipykernel"))

SETUP = """
from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow

@workflow
def load(value=1):
    return value

@workflow
def add(a, b):
    return a + b

@workflow
async def add_async(a, b):
    return a + b

data = load().set_name("data")
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A running kernel, for all tests of this module."""
    notebook = nbformat.v4.new_notebook()
    client = nbclient.NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=60,
        resources={"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}},
    )
    with client.setup_kernel():
        yield client


@pytest.fixture
def cell(kernel):
    """Execute a cell in a graph of its own; return what it displays or prints as text."""

    def execute(source):
        cell = nbformat.v4.new_code_cell(source)
        kernel.nb.cells.append(cell)
        kernel.execute_cell(cell, len(kernel.nb.cells) - 1)
        return "".join(
            output.get("text") or output.get("data", {}).get("text/plain", "")
            for output in cell.outputs
        ).strip()

    execute(SETUP)
    return execute


def test_a_cell_that_runs_again_replaces_its_nodes(cell):
    build = "model = add(data, 1).set_name('model'); score = add(model, 10).set_name('score')"
    run = "w = LocalWorkflow(data, score, workflow_name='w'); w.run(), len(w.graph)"
    for _ in range(3):
        cell(build)
        assert cell(run) == "([1, 12], 3)"


def test_an_edited_cell_that_runs_again_takes_the_descendants_of_the_old_along(cell):
    cell("model = add(data, 1).set_name('model')")
    cell("score = add(model, 10).set_name('score')")
    cell("model = add(data, 2).set_name('model')")
    run = "w = LocalWorkflow(data, workflow_name='w'); w.run(); list(w.last_run)"
    assert cell(run) == "['data', 'model']"


def test_what_was_given_stays_though_a_later_cell_has_its_name(cell):
    cell("old = add(data, 1).set_name('model')")
    cell("new = add(data, 2).set_name('model')")
    assert cell("LocalWorkflow(old, workflow_name='w').run()") == "2"
    assert cell("LocalWorkflow(new, workflow_name='w').run()") == "3"


def test_two_given_nodes_of_one_name_are_an_error(cell):
    cell("old = add(data, 1).set_name('model')")
    cell("new = add(data, 2).set_name('model')")
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="DuplicateNameError"):
        cell("LocalWorkflow(old, new, workflow_name='w')")


def test_a_loop_that_forgets_to_vary_the_name_is_an_error(cell):
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="'model' is given to 3 nodes"):
        cell(
            "for i in range(3):\n"
            "    model = add(data, i).set_name('model')\n"
            "LocalWorkflow(data, workflow_name='w')"
        )


def test_cells_under_time_magic_replace_their_nodes_too(cell):
    for _ in range(2):
        cell("%%time\nmodel = add(data, 1).set_name('model')")
    assert cell("LocalWorkflow(data, model, workflow_name='w').run()") == "[1, 2]"


def test_unnamed_nodes_are_never_replaced(cell):
    for _ in range(2):
        cell("add(data, 1)")
    run = "w = LocalWorkflow(data, workflow_name='w'); w.run(); list(w.last_run)"
    assert cell(run) == "['data', 'add_0000', 'add_0001']"


def test_async_nodes_run_beside_the_notebook_s_loop(cell):
    assert cell("LocalWorkflow(add_async(data, 1), workflow_name='w').run()") == "2"


def test_functions_edited_in_a_cell_are_told_apart(cell):
    cell("from functionfuse.storage.filestorage import FileStorage")
    build = (
        "@workflow\ndef scale(x): return x * {factor}\n"
        "w = LocalWorkflow(scale(data), workflow_name='edited')\n"
        "w.set_storage(FileStorage('storage'))\n"
        "w.run(), w.last_run.counts()['executed']"
    )
    assert cell(build.format(factor=2)) == "(2, 2)"
    assert cell(build.format(factor=3)).startswith("(3, ")


def test_a_workflow_shows_its_graph(kernel, cell):
    text = cell("LocalWorkflow(add(data, 1).set_name('model'), workflow_name='numbers')")
    assert text == "<LocalWorkflow 'numbers' of 2 nodes>\ndata\nmodel  ◄── data"
    (output,) = kernel.nb.cells[-1].outputs
    assert output["data"]["text/vnd.mermaid"].startswith('flowchart LR\n  n0["data"]')


def test_a_node_shows_its_name_and_place(cell):
    assert cell("add(data, 1)") == "<node of add>"
    text = cell("model = add(data, 1).set_name('model')\nmodel")
    assert text.startswith("<node 'model' of add> named at ")
    assert ":1 (cell execution " in text


def test_a_storage_shows_its_contents(kernel, cell):
    cell(
        "from functionfuse.storage.filestorage import FileStorage\n"
        "storage = FileStorage('shown'); storage.save('w', 'a <b>', 1)"
    )
    assert cell("storage").startswith("FileStorage(")
    (output,) = kernel.nb.cells[-1].outputs
    assert "<td>w</td><td>1</td>" in output["data"]["text/html"]
    assert "<td>a &lt;b&gt;</td>" in output["data"]["text/html"]


def test_a_reason_shows_as_a_table(kernel, cell):
    cell("LocalWorkflow(data, workflow_name='w').why()")
    (output,) = kernel.nb.cells[-1].outputs
    assert "<td>data</td><td>execute</td>" in output["data"]["text/html"]
