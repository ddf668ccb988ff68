"""What Kubeflow Pipelines offers for each task, and how a user asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

__all__ = ["TaskTemplate", "check_task_args", "make_template"]


def _set_retries(task: Any, value: Any) -> None:
    task.set_retry(**value) if isinstance(value, Mapping) else task.set_retry(value)


def _set_environment(task: Any, variables: Mapping[str, str]) -> None:
    for name, text in variables.items():
        task.set_env_variable(name, text)


def _set_node_selector(task: Any, labels: Mapping[str, str]) -> None:
    from kfp import kubernetes

    for key, value in labels.items():
        kubernetes.add_node_selector(task, key, value)


def _set_tolerations(task: Any, tolerations: Any) -> None:
    from kfp import kubernetes

    for toleration in tolerations:
        kubernetes.add_toleration(task, **toleration)


def _set_pull_policy(task: Any, policy: str) -> None:
    from kfp import kubernetes

    kubernetes.set_image_pull_policy(task, policy)


def _set_timeout(task: Any, seconds: int) -> None:
    from kfp import kubernetes

    kubernetes.set_timeout(task, seconds)


_SETTERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "accelerator_limit": lambda task, value: task.set_accelerator_limit(value),
    "accelerator_type": lambda task, value: task.set_accelerator_type(value),
    "caching": lambda task, value: task.set_caching_options(value),
    "cpu_limit": lambda task, value: task.set_cpu_limit(value),
    "cpu_request": lambda task, value: task.set_cpu_request(value),
    "env": _set_environment,
    "image_pull_policy": _set_pull_policy,
    "memory_limit": lambda task, value: task.set_memory_limit(value),
    "memory_request": lambda task, value: task.set_memory_request(value),
    "node_selector": _set_node_selector,
    "retries": _set_retries,
    "timeout": _set_timeout,
    "tolerations": _set_tolerations,
}


class TaskTemplate:
    """What all tasks with the same options have in a compiled pipeline.

    Parameters
    ----------
    executor
        The part about the container: image, resources, environment.
    task
        The part about caching and retries.
    platform
        The part for Kubernetes.
    """

    def __init__(
        self, executor: dict[str, Any], task: dict[str, Any], platform: dict[str, Any]
    ) -> None:
        self.executor = executor
        self.task = task
        self.platform = platform


def check_task_args(args: Any) -> None:
    """Raise TypeError unless these are options of a task; let KFP check their values."""
    if not isinstance(args, Mapping):
        msg = f"set_task_args takes a dictionary of options, got {args!r}"
        raise TypeError(msg)
    unknown = [name for name in args if name not in _SETTERS]
    if unknown:
        msg = (
            f"set_task_args got {', '.join(map(repr, unknown))}, which is no option of a task; "
            f"options are {', '.join(_SETTERS)}"
        )
        raise TypeError(msg)
    if find_spec("kfp") is not None:  # It is absent in containers that import the user's script.
        make_template(args, "image", pull_secret=None, storage_secret={})


def make_template(
    args: Mapping[str, Any],
    image: str,
    *,
    pull_secret: str | None,
    storage_secret: Mapping[str, tuple[str, ...]],
) -> TaskTemplate:
    """Have KFP compile one task with some options.

    Parameters
    ----------
    args
        The options.
    image
        The image.
    pull_secret
        Name of the secret that the image is pulled with.
    storage_secret
        Names of secrets whose keys become environment variables, each with these keys.
    """
    from google.protobuf.json_format import MessageToDict
    from kfp import dsl, kubernetes

    def component(out: Any) -> Any:
        return dsl.ContainerSpec(image=image, command=["python3"], args=[out.path])

    component.__annotations__ = {"out": dsl.Output[dsl.Artifact], "return": dsl.ContainerSpec}
    make_task = dsl.container_component(component)

    def pipeline() -> None:
        task = make_task()
        task.set_caching_options(False)
        for name, value in args.items():
            try:
                _SETTERS[name](task, value)
            except Exception as error:
                msg = f"set_task_args got {name!r}: {value!r}, which KFP does not take: {error}"
                raise type(error)(msg) from error
        if pull_secret is not None:
            kubernetes.set_image_pull_secrets(task, [pull_secret])
        for secret, keys in storage_secret.items():
            kubernetes.use_secret_as_env(task, secret, {key: key for key in keys})

    pipeline.__annotations__.clear()  # KFP does not know them as text.
    compiled = dsl.pipeline(name="one-task")(pipeline)
    spec = MessageToDict(compiled.pipeline_spec)
    (executor,) = spec["deploymentSpec"]["executors"].values()
    (task,) = spec["root"]["dag"]["tasks"].values()
    platforms = MessageToDict(compiled.platform_spec).get("platforms", {})
    executors = platforms.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {})
    return TaskTemplate(
        executor["container"],
        {key: task[key] for key in ("cachingOptions", "retryPolicy") if key in task},
        next(iter(executors.values()), {}),
    )
