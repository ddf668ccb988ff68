"""The public surface: what can be imported from where, and how it is called."""

from __future__ import annotations

import importlib
import inspect

import pytest

import functionfuse

EXPORTED = {
    "functionfuse": ["__version__", "task", "workflow"],
    "functionfuse.backends.builtin.graphback": ["GraphWorkflow"],
    "functionfuse.backends.builtin.localback": ["LocalWorkflow"],
    "functionfuse.backends.plugins": [
        "InitializerPlugin",
        "Plugin",
        "PluginCollection",
        "RandomStatePlugin",
    ],
    "functionfuse.baseworkflow": ["BaseWorkflow", "Query"],
    "functionfuse.cli": ["main"],
    "functionfuse.serializers": ["FILE_PROTOCOL", "S3_PROTOCOL", "FileProtocol", "Serializer"],
    "functionfuse.storage": ["storage_factory"],
    "functionfuse.testing": ["Backend", "BackendTests", "StorageTests", "require", "unavailable"],
    "functionfuse.workflow": ["task", "workflow"],
}

SIGNATURES = {
    "backends.builtin.graphback.GraphWorkflow": "*nodes, workflow_name, doc_path",
    "backends.builtin.graphback.GraphWorkflow.run": "self",
    "backends.builtin.localback.LocalWorkflow": "*nodes, workflow_name",
    "backends.builtin.localback.LocalWorkflow.run": (
        "self, *, reuse='saved', on_error='raise', progress=None"
    ),
    "backends.builtin.localback.LocalWorkflow.set_executor": "self, executor, *, max_pending=None",
    "backends.plugins.InitializerPlugin": "func",
    "backends.plugins.PluginCollection": "plugins",
    "backends.plugins.RandomStatePlugin": "min, max, seed, seed_func",
    "baseworkflow.BaseWorkflow": "*nodes, workflow_name",
    "baseworkflow.BaseWorkflow.find_nodes": "self, pattern",
    "baseworkflow.BaseWorkflow.graph_traversal": "self",
    "baseworkflow.BaseWorkflow.log_nodes": "self, pattern",
    "baseworkflow.BaseWorkflow.plan": "self, *, reuse='saved'",
    "baseworkflow.BaseWorkflow.query": "self, pattern=None",
    "baseworkflow.BaseWorkflow.set_plugin": "self, pattern, plugin",
    "baseworkflow.BaseWorkflow.set_storage": "self, object_storage",
    "baseworkflow.BaseWorkflow.to_dot": "self",
    "baseworkflow.BaseWorkflow.to_mermaid": "self",
    "baseworkflow.BaseWorkflow.to_svg": "self",
    "baseworkflow.BaseWorkflow.why": "self, pattern=None, *, reuse='saved'",
    "baseworkflow.Query": "nodes, workflow",
    "baseworkflow.Query.set_plugin": "self, plugin",
    "storage.filestorage.FileStorage": "path",
    "storage.filestorage.FileStorage.file_exists": "self, workflow_name, task_name",
    "storage.filestorage.FileStorage.list_tasks": "self, workflow_name, pattern",
    "storage.filestorage.FileStorage.new_workflow": "self, workflow_name",
    "storage.filestorage.FileStorage.read_task": "self, workflow_name, task_name, *, verify=True",
    "storage.filestorage.FileStorage.register_persistent_serializers": "self, *serializers",
    "storage.filestorage.FileStorage.remove_task": (
        "self, workflow_name, task_name=None, pattern=None"
    ),
    "storage.filestorage.FileStorage.remove_workflow": "self, workflow_name",
    "storage.filestorage.FileStorage.save": (
        "self, workflow_name, task_name, obj, *, fingerprint=None, started=None, duration=None"
    ),
    "storage.storage_factory": "opt",
}


@pytest.mark.parametrize(("module", "names"), EXPORTED.items())
def test_these_names_are_exported(module, names):
    found = importlib.import_module(module)
    assert sorted(found.__all__) == sorted(names)
    assert all(hasattr(found, name) for name in names)


@pytest.mark.parametrize(("path", "expected"), SIGNATURES.items())
def test_this_is_how_it_is_called(path, expected):
    """Modules are written small, so the first capital, or the last name, is what is called."""
    parts = path.split(".")
    split = next((i for i, part in enumerate(parts) if part[0].isupper()), len(parts) - 1)
    found = importlib.import_module(".".join(["functionfuse", *parts[:split]]))
    for part in parts[split:]:
        found = getattr(found, part)
    bare = [p.replace(annotation=p.empty) for p in inspect.signature(found).parameters.values()]
    assert str(inspect.Signature(bare)) == f"({expected})"


def test_a_workflow_s_name_is_a_function_and_its_module_too():
    from functionfuse.workflow import workflow

    assert functionfuse.workflow is workflow is functionfuse.task
