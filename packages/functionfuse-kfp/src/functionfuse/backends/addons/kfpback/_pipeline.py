"""Components as a compiled pipeline, in KFP's own format.

KFP compiles one task for each set of options (see `_options.py`); its parts are repeated for
every node, so that 1,000 nodes cost little more than one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from functionfuse.backends.addons.kfpback._components import Component
from functionfuse.backends.addons.kfpback._options import TaskTemplate
from functionfuse.backends.addons.kfpcontainer import MODULE, ComponentSpec

__all__ = ["COMMAND", "Pipeline", "compile_pipeline"]

COMMAND = ["python3", "-m", MODULE]
ARTIFACT = {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}}


class Pipeline(NamedTuple):
    """A compiled pipeline."""

    spec: dict[str, Any]
    platform: dict[str, Any]
    """What only concerns Kubernetes; empty if nothing does."""

    def to_yaml(self) -> str:
        """Return it as KFP reads it."""
        import yaml

        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        documents = [self.spec, *([self.platform] if self.platform else [])]
        text: str = yaml.dump_all(documents, Dumper=dumper, width=1000)
        return text


def compile_pipeline(
    name: str,
    title: str,
    components: Sequence[Component],
    spec: ComponentSpec,
    template_of: Callable[[Component], TaskTemplate],
) -> Pipeline:
    """Compile components.

    Parameters
    ----------
    name
        The pipeline's name, as KFP takes it.
    title
        The name that is shown.
    components
        The components, each after those that it takes results from.
    spec
        What their commands share.
    template_of
        Gives the template of a component's task.
    """
    from kfp import __version__

    shared = spec.to_json()
    executors, definitions, tasks, platform = {}, {}, {}, {}
    for component in components:
        template = template_of(component)
        label = f"exec-{component.name}"
        container = {**template.executor, "command": COMMAND, "args": _arguments(component, shared)}
        executors[label] = {"container": container}
        definitions[f"comp-{component.name}"] = _definition(component, label)
        tasks[component.name] = _task(component, template)
        if template.platform:
            platform[label] = copy.deepcopy(template.platform)
    compiled = {
        "pipelineInfo": {"name": name, "displayName": _shown(title)},
        "root": {"dag": {"tasks": tasks}},
        "components": definitions,
        "deploymentSpec": {"executors": executors},
        "schemaVersion": "2.1.0",
        "sdkVersion": f"kfp-{__version__}",
    }
    kubernetes = {"kubernetes": {"deploymentSpec": {"executors": platform}}}
    return Pipeline(compiled, {"platforms": kubernetes} if platform else {})


def _arguments(component: Component, shared: str) -> list[str]:
    arguments = ["--executor-input", "{{$}}", "--component", shared]
    for name in component.inputs:
        arguments += ["--input", f"{name}={{{{$.inputs.artifacts['{name}'].path}}}}"]
    for name in component.outputs.values():
        arguments += ["--output", f"{name}={{{{$.outputs.artifacts['{name}'].path}}}}"]
    for node in component.nodes:
        arguments += ["--node", node.to_json()]
    return arguments


def _definition(component: Component, label: str) -> dict[str, Any]:
    definition: dict[str, Any] = {"executorLabel": label}
    inputs: dict[str, Any] = {}
    if component.parameters:
        inputs["parameters"] = {name: {"parameterType": "STRING"} for name in component.parameters}
    if component.inputs:
        inputs["artifacts"] = {name: copy.deepcopy(ARTIFACT) for name in component.inputs}
    if inputs:
        definition["inputDefinitions"] = inputs
    if component.outputs:
        outputs = {name: copy.deepcopy(ARTIFACT) for name in component.outputs.values()}
        definition["outputDefinitions"] = {"artifacts": outputs}
    return definition


def _task(component: Component, template: TaskTemplate) -> dict[str, Any]:
    task: dict[str, Any] = {
        **copy.deepcopy(template.task),
        "componentRef": {"name": f"comp-{component.name}"},
        "taskInfo": {"name": _shown(component.title)},
    }
    inputs: dict[str, Any] = {}
    if component.parameters:
        inputs["parameters"] = {
            name: {"runtimeValue": {"constant": text}}
            for name, text in component.parameters.items()
        }
    if component.inputs:
        inputs["artifacts"] = {
            name: {"taskOutputArtifact": {"producerTask": producer, "outputArtifactKey": output}}
            for name, (producer, output) in component.inputs.items()
        }
        producers = {producer for producer, _ in component.inputs.values()}
        task["dependentTasks"] = sorted(producers)
    if inputs:
        task["inputs"] = inputs
    return task


def _shown(name: str) -> str:
    """Return a name without what YAML can't hold."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)
