from functionfuse import __version__, workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.storage import storage_factory


@workflow
def numbers(count):
    return list(range(count))


@workflow
def total(values):
    return sum(values)


def test_installed_core_runs_a_graph_and_loads_it_again(tmp_path):
    """numbers ──► total"""
    storage = storage_factory({"kind": "file", "options": {"path": str(tmp_path)}})
    leaf = total(numbers(5).set_name("numbers")).set_name("total")
    for _ in range(2):
        w = LocalWorkflow(leaf, workflow_name="smoke")
        w.set_storage(storage)
        assert w.run() == 10
    assert storage.list_tasks("smoke", "*") == ["numbers", "total"]


def test_version_is_that_of_the_distribution():
    from importlib.metadata import version

    assert __version__ == version("functionfuse-core")
