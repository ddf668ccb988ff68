"""The workflow that runs on Kubeflow Pipelines."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from functionfuse.backends.addons.kfpback._cluster import KFPRun, connect, submit
from functionfuse.backends.addons.kfpback._components import Component
from functionfuse.backends.addons.kfpback._content import Content, make_content
from functionfuse.backends.addons.kfpback._context import Context
from functionfuse.backends.addons.kfpback._errors import shown_progress
from functionfuse.backends.addons.kfpback._files import check_folder, folders_of
from functionfuse.backends.addons.kfpback._image import Engine
from functionfuse.backends.addons.kfpback._local import run_locally
from functionfuse.backends.addons.kfpback._names import check_secret_name, clean_name
from functionfuse.backends.addons.kfpback._options import TaskTemplate, make_template
from functionfuse.backends.addons.kfpback._pipeline import COMMAND, Pipeline, compile_pipeline
from functionfuse.backends.addons.kfpback._query import Query
from functionfuse.backends.addons.kfpback._registry import Registry
from functionfuse.backends.addons.kfpback._results import Artifact, Given, ResultReader
from functionfuse.backends.addons.kfpback._saves import saves_of_compiled, saves_of_plan
from functionfuse.backends.addons.kfpcontainer import SaveSpec, is_importing_script
from functionfuse.baseworkflow import BaseWorkflow
from functionfuse.errors import warn
from functionfuse.plan import check_reuse, make_full_plan, make_plan
from functionfuse.progress import Style
from functionfuse.run import Run
from functionfuse.storage.filestorage import FileStorage

__all__ = ["KFPWorkflow"]

PULL_SECRET = "functionfuse-registry"
STORAGE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


class KFPWorkflow(BaseWorkflow):
    """A workflow that runs on Kubeflow Pipelines, or in the same containers on this machine.

    Parameters
    ----------
    *nodes
        Nodes, or items of nodes, whose results a run returns. The workflow runs all
        nodes that descend from the roots above them, and what these need.
    workflow_name
        The name of the workflow, under which results are saved.
    baseimage
        The image that the workflow's is built on: any with Python, as `docker pull` names it.
        `'python'` means the image of the running Python's minor version.
    registry_credentials
        Where the image is pushed to: `server` (a registry, or a folder in one, such as
        `"ghcr.io/me"`), `username` and `password`. Without them it stays on this machine's
        Docker, whose images some small clusters share.
    kfp_host
        Address of Kubeflow Pipelines.

    Notes
    -----
    Nobody is contacted before a run.
    """

    UNREACHABLE_KINDS = ("ray",)

    def __init__(
        self,
        *nodes: Any,
        workflow_name: str,
        baseimage: str = "python",
        registry_credentials: Mapping[str, str] = {},
        kfp_host: str = "http://localhost:3000",
    ) -> None:
        super().__init__(*nodes, workflow_name=workflow_name)
        self.task_args: dict[int, Mapping[str, Any]] = {}
        """Options of tasks, by position; set them by `query(…).set_task_args`."""
        self._pull_secret: str | None = None
        self._storage_secret: dict[str, tuple[str, ...]] = {}
        self.set_baseimage(baseimage)
        self.set_registry_credentials(registry_credentials)
        self.set_kfp_host(kfp_host)

    def set_baseimage(self, baseimage: str) -> None:
        """Set the image that the workflow's image is built on."""
        self.baseimage = baseimage

    def set_registry_credentials(self, registry_credentials: Mapping[str, str]) -> None:
        """Set where the image is pushed to.

        Parameters
        ----------
        registry_credentials
            `server`, `username`, `password`.

        Raises
        ------
        TypeError
            If it is no dictionary of text.
        ValueError
            If a key is unknown, one of username and password is missing, or the server is no
            address of a registry.
        """
        self._registry = Registry(registry_credentials)
        self.registry_credentials = registry_credentials

    def set_kfp_host(self, kfp_host: str) -> None:
        """Set the address of Kubeflow Pipelines, such as `"http://localhost:8080"`."""
        self.kfp_host = kfp_host

    def set_image_pull_secret(self, name: str) -> None:
        """Set the Kubernetes secret by which a cluster pulls the image from a private registry.

        Parameters
        ----------
        name
            Of a secret that is there already; `"functionfuse-registry"` unless this is called.
        """
        self._pull_secret = check_secret_name(name)

    def set_storage_secret(self, name: str, *, keys: Sequence[str] = STORAGE_KEYS) -> None:
        """Set the Kubernetes secret by which containers get at the storage.

        Parameters
        ----------
        name
            Of a secret that is there already.
        keys
            Its keys, each of which becomes an environment variable of the same name.
        """
        self._storage_secret = {check_secret_name(name): tuple(keys)}

    @property
    def progress_style(self) -> Style:  # docstring inherited
        return Style(is_terminal_shared=True)  # What containers print is shown there.

    def query(self, pattern: str | None = None) -> Query:
        # docstring inherited
        return Query(self._matching(pattern), self)

    def run(
        self,
        *,
        local: bool = False,
        reuse: str = "saved",
        on_error: str = "raise",
        progress: bool | None = None,
        client: Any = None,
        experiment: str | None = None,
    ) -> Any:
        """Build the image, and run the workflow on the cluster or here.

        Parameters
        ----------
        local
            Whether to run the pipeline's containers on this machine's Docker, with its network
            and as this user, and wait for the results.
        reuse, on_error
            As for `LocalWorkflow.run`. On a cluster, where Kubeflow Pipelines decides what
            still runs after a failure, `on_error` is `"raise"`.
        progress
            As for `LocalWorkflow.run`; of a run on a cluster, Kubeflow Pipelines' page shows it.
        client
            A `kfp.Client` of one's own, for a cluster that wants to know who asks.
        experiment
            Name of the experiment that Kubeflow Pipelines counts the run to.

        Returns
        -------
        KFPRun or object
            The run on the cluster. With `local`, the result of the given node; a list of
            results if several were given.

        Raises
        ------
        ConnectionError
            If no Docker Engine, registry or Kubeflow Pipelines answers.
        PermissionError
            If the registry or Kubeflow Pipelines refuses the credentials.
        ImageError
            If the image can't be made.
        ValueError, TypeError
            If something of the workflow can't go into a container.
        Exception
            With `local`, what a node raised.
        """
        self._check_place()
        if not local and on_error == "continue":
            msg = (
                "on_error='continue' needs local=True: on a cluster Kubeflow Pipelines decides "
                "what still runs after a failure"
            )
            raise ValueError(msg)
        with shown_progress(), Engine(self._registry) as engine:
            if local:
                follow = partial(self._follow_here, engine)
                return self.run_plan(follow, reuse, on_error, progress)
            self._check_storage_for_cluster()
            self._registry.check(engine.client)
            follow_there = partial(
                self._follow_on_cluster, engine, *connect(self.kfp_host, client), experiment
            )
            return self.run_plan(follow_there, reuse, on_error)

    def compile(self, path: str | Path, *, reuse: str = "saved") -> None:
        """Build the image, and write the pipeline that Kubeflow Pipelines takes.

        Every node is scheduled; with a storage, each container looks first whether its node is
        saved.

        Parameters
        ----------
        path
            Of the YAML file that is written.
        reuse
            As for `LocalWorkflow.run`, whenever the pipeline runs.

        Raises
        ------
        OSError
            If no file can be written there.
        Exception
            As of `run`.
        """
        self._check_place()
        check_reuse(reuse)
        path = Path(path)
        _check_writable(path)
        self._check_storage_for_cluster()
        returned = self.graph.leaf_positions
        run = Run(self.graph, self.workflow_name, None, "raise", self._initialize_plugins())
        if self.storage is None:
            run.begin(make_full_plan(self.graph, returned))
            content = self._content(run, {}, None)
        else:
            run.begin(make_plan(self.graph, {}, "never", returned, logs=self._logs))
            content = self._content(run, saves_of_compiled(self.graph, self._logs), reuse)
        with shown_progress(), Engine(self._registry) as engine:
            self._registry.check(engine.client)
            pipeline = self._compile(content, self._published(engine, content, path))
        path.write_text(pipeline.to_yaml())

    def _follow_here(self, engine: Engine, run: Run) -> Any:
        content = self._content(run, saves_of_plan(run.plan), None)
        pipeline = Pipeline({"root": {"dag": {"tasks": {}}}}, {})
        if content.components:
            tag = self._built(engine, content, None)
            pipeline = self._compile(content, tag, is_local=True)
        return run_locally(run, engine.client, pipeline, content, self.storage)

    def _follow_on_cluster(
        self, engine: Engine, client: Any, host: str, experiment: str | None, run: Run
    ) -> KFPRun:
        content = self._content(run, saves_of_plan(run.plan), None)
        run_id = None
        if content.components:
            pipeline = self._compile(content, self._published(engine, content))
            run_id = submit(client, host, pipeline, self.workflow_name, experiment)
        return KFPRun(client, run_id, host, self._reader(content))

    def _content(self, run: Run, saves: Mapping[int, SaveSpec], reuse: str | None) -> Content:
        return make_content(run, self.workflow_name, self.storage, saves, reuse)

    @property
    def _repository(self) -> str:
        return self._registry.repository(clean_name(self.workflow_name, "workflow"))

    def _built(
        self, engine: Engine, content: Content, storage: bytes | None, *left_out: Path
    ) -> str:
        """Build the image; return its name."""
        base = engine.find_base(self.baseimage)
        left_out = (*left_out, *folders_of(self.storage, self.workflow_name))
        context = Context(Path.cwd(), base, content.values, storage, left_out)
        options = ("what set_task_args was given", repr(self.task_args).encode())
        self._registry.check_absence(chain(content.parts(), [options], context.parts()))
        return engine.build(context, self._repository)

    def _published(self, engine: Engine, content: Content, *left_out: Path) -> str:
        """Build the image for a cluster, see that it is whole, push it; return its name."""
        tag = self._built(engine, content, content.storage, *left_out)
        check = ["--component", content.spec.to_json(), "--check", *sorted(content.references)]
        environment: dict[str, str] = {}
        for args in self.task_args.values():
            environment |= args.get("env", {})
        engine.check(tag, [*COMMAND, *check], environment)
        return engine.push(tag) if self._registry else tag

    def _compile(self, content: Content, image: str, *, is_local: bool = False) -> Pipeline:
        templates: dict[int, TaskTemplate] = {}
        no_args: Mapping[str, Any] = {}
        usual = PULL_SECRET if self._registry.has_credentials else None
        pull_secret = self._pull_secret or usual
        storage_secret = {} if self.storage is None else self._storage_secret

        def template_of(component: Component) -> TaskTemplate:
            args = self.task_args.get(component.positions[0], no_args)
            self._warn_of_options(component, args)
            if id(args) not in templates:
                templates[id(args)] = make_template(
                    args,
                    image,
                    pull_secret=None if is_local else pull_secret,
                    storage_secret={} if is_local else storage_secret,
                )
            return templates[id(args)]

        name = clean_name(self.workflow_name, "workflow")
        return compile_pipeline(
            name, self.workflow_name, content.components, content.spec, template_of
        )

    def _warn_of_options(self, component: Component, held: Mapping[str, Any]) -> None:
        names = [
            self.graph.names[position]
            for position in component.positions
            if self.task_args.get(position, held) != held
        ]
        if names:
            msg = (
                f"options that set_task_args set for {', '.join(map(repr, names))} have no effect: "
                f"they share a container with {component.title!r}, whose options hold"
            )
            warn(msg, UserWarning)

    def _reader(self, content: Content) -> ResultReader:
        places = {
            position: Artifact(component.name, output)
            for component in content.components
            for position, output in component.outputs.items()
        }
        given = []
        for leaf in self.graph.leaves:
            position = self.graph.positions[leaf.node]
            is_saved = self.storage is not None and position not in self._logs
            artifact = None if is_saved else places[position]
            given.append(Given(self.graph.names[position], leaf.keys, artifact))
        pipeline = clean_name(self.workflow_name, "workflow")
        return ResultReader(self.storage, self.workflow_name, pipeline, given)

    def _check_place(self) -> None:
        if is_importing_script():
            msg = (
                "this script runs its workflow when it is imported, as each container does to find "
                'its functions: put what runs it under `if __name__ == "__main__":`'
            )
            raise RuntimeError(msg)
        check_folder(Path.cwd())

    def _check_storage_for_cluster(self) -> None:
        if isinstance(self.storage, FileStorage):
            msg = (
                f"{self.storage!r} is on this machine, where a cluster can't reach it: set a "
                "storage in S3, or run(local=True)"
            )
            raise TypeError(msg)
        if self.storage is not None and self.storage.holds_secrets:
            msg = (
                f"{self.storage!r} was made with credentials, which would be in the image: make it "
                "without, and name a Kubernetes secret that has them by set_storage_secret"
            )
            raise ValueError(msg)


def _check_writable(path: Path) -> None:
    """Refuse a place where no file can be written, before anything slow."""
    target = path if path.is_file() else path.parent
    if path.is_dir() or not path.parent.is_dir() or not os.access(target, os.W_OK):
        msg = (
            f"the pipeline can't be written to {str(path)!r}: give the path of a file, in a folder "
            "that is there and can be written to"
        )
        raise OSError(msg)
