"""A Kubeflow Pipelines server of the tests' own: it checks what it gets and runs it in Docker."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from functionfuse.testing import require
from processes import started

PREFIX = "/apis/v2beta1/"
PATIENCE_S = 4.0
"""How long an answer on a run waits for its end: between two questions a client sleeps longer."""
CODES = {400: 3, 401: 16, 404: 5, 409: 6, 500: 13}
LABEL = "functionfuse-tests-run"
RUNNER = f"""
import json, pathlib, sys
from kfp import components, local

# As in a cluster, an image's entrypoint is not used. Other servers of the tests are on the host.
runner = local.DockerRunner(network_mode="host", entrypoint="", labels={{"{LABEL}": sys.argv[1]}})
local.init(runner, pipeline_root=str(pathlib.Path("artifacts").resolve()), raise_on_error=True)
pipeline = components.load_component_from_text(pathlib.Path("pipeline.yaml").read_text())
pipeline(**json.loads(sys.argv[2]))
"""

Secrets = Mapping[str, Mapping[str, str]]


class Request(NamedTuple):
    """What was asked; the names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class RefusedError(Exception):
    """Why a request has no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def now() -> str:
    """Return the time, as the API has it."""
    return datetime.now(timezone.utc).isoformat()


@dataclass
class Run:
    """What was posted, and what became of it."""

    run_id: str
    folder: Path
    display_name: str
    experiment_id: str
    pipeline_spec: dict[str, Any]
    platform_spec: dict[str, Any]
    runtime_config: dict[str, Any]
    state: str = "PENDING"
    created_at: str = field(default_factory=now)
    finished_at: str | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self) -> dict[str, Any]:
        """Return what the server tells of it."""
        untold = ("folder", "over", "platform_spec")
        told = {name: value for name, value in vars(self).items() if name not in untold}
        tasks = [{"run_id": self.run_id, "display_name": name} for name in self.tasks()]
        error = {"code": 13, "message": "a task failed"} if self.state == "FAILED" else None
        return {**told, "error": error, "run_details": {"task_details": tasks}}

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return of each task what its component, its executor and the platform say."""
        spec, found = self.pipeline_spec, {}
        platform = self.platform_spec.get("platforms", {}).get("kubernetes", {})
        for name, task in spec["root"]["dag"]["tasks"].items():
            component = spec["components"][task["componentRef"]["name"]]
            label = component["executorLabel"]
            asked = platform.get("deploymentSpec", {}).get("executors", {})
            found[name] = {
                "folder": task["componentRef"]["name"].removeprefix("comp-"),
                "outputs": list(component.get("outputDefinitions", {}).get("artifacts", {})),
                "container": spec["deploymentSpec"]["executors"][label]["container"],
                "kubernetes": asked.get(label, {}),
            }
        return found

    def text(self) -> str:
        """Return what would be in a compiled file."""
        documents = filter(None, (self.pipeline_spec, self.platform_spec))
        text: str = require("yaml").safe_dump_all(documents)
        return text

    def check(self) -> None:
        """Raise an exception if Kubeflow Pipelines can't run it."""
        component = require("kfp").components.load_component_from_text(self.text())
        assert component.pipeline_spec.root.dag.tasks, "it has no tasks"
        for name, task in self.tasks().items():
            assert task["container"].get("image"), f"{name} has no image"
            assert task["container"].get("command"), f"{name} has no command"
            if asked := task["kubernetes"]:
                pb = require("kfp.kubernetes.kubernetes_executor_config_pb2")
                message = pb.KubernetesExecutorConfig()
                require("google.protobuf.json_format").ParseDict(asked, message)
        known = self.pipeline_spec["root"].get("inputDefinitions", {}).get("parameters", {})
        unknown = self.runtime_config.get("parameters", {}).keys() - known.keys()
        assert not unknown, f"it has no parameters {sorted(unknown)}"

    def execute(self, secrets: Secrets, closing: threading.Event) -> None:
        """Run it, until its end or the server's."""
        self.state = "RUNNING"
        log = self.folder / "log"
        try:
            self._prepare(secrets)
            arguments = json.dumps(self.runtime_config.get("parameters", {}))
            command = (sys.executable, "-u", "-c", RUNNER, self.run_id, arguments)
            own = dict.fromkeys(("HOME", "TMPDIR", "DOCKER_CONFIG"), str(self.folder))
            env = {**os.environ, **own}
            with started(*command, log=log, cwd=self.folder, env=env) as process:
                while process.poll() is None and not closing.wait(0.02):
                    pass
            if closing.is_set():
                _remove_containers(self.run_id)
            assert process.returncode == 0, f"the runner ended with {process.returncode}"
            # `kfp.local` takes a container that is gone before it looks for one that succeeded.
            for name, task in self.tasks().items():
                for output in task["outputs"]:
                    made = any(self.folder.glob(f"artifacts/*/{task['folder']}/{output}"))
                    assert made, f"{name} has not made {output}"
            self.state = "SUCCEEDED"
        except Exception as error:
            with log.open("a") as file:
                file.write(f"{type(error).__name__}: {error}\n")
            self.state = "FAILED"
        finally:
            self.finished_at = now()
            self.over.set()

    def _prepare(self, secrets: Secrets) -> None:
        """Write what is run: what was posted, with the secrets that tasks ask for."""
        run = replace(self, pipeline_spec=deepcopy(self.pipeline_spec))
        folders = [task["folder"] for task in run.tasks().values()]
        assert len(folders) == len(set(folders)), "`kfp.local` mixes up tasks of one component"
        auths: dict[str, Any] = {}
        for task in run.tasks().values():
            for secret in task["kubernetes"].get("secretAsEnv", []):
                values = _find(secrets, secret["secretName"], "secret")
                for pair in secret["keyToEnv"]:
                    value = _find(values, pair["secretKey"], "key of a secret")
                    variables = task["container"].setdefault("env", [])
                    variables.append({"name": pair["envVar"], "value": value})
            for secret in task["kubernetes"].get("imagePullSecret", []):
                values = _find(secrets, secret["secretName"], "secret")
                auths |= json.loads(values.get(".dockerconfigjson", "{}")).get("auths", {})
        (self.folder / "config.json").write_text(json.dumps({"auths": auths}))
        (self.folder / "pipeline.yaml").write_text(run.text())


class KFPServer(ThreadingHTTPServer):
    """A server, with what it was asked and what it ran."""

    def __init__(self, folder: Path, token: str | None, secrets: Secrets) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.folder, self.token, self.secrets = folder, token, secrets
        self.requests: list[Request] = []
        self.runs: dict[str, Run] = {}
        self.experiments: dict[str, dict[str, Any]] = {}
        self.closing = threading.Event()

    def log(self, run_id: str) -> str:
        """Return what a run printed, and why it failed."""
        return (self.runs[run_id].folder / "log").read_text()

    def artifacts(self, run_id: str) -> Path:
        """Return the folder of a run's artifacts."""
        return self.runs[run_id].folder / "artifacts"

    def answer(self, request: Request) -> Any:
        """Return what answers a request."""
        self.requests.append(request)
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            raise RefusedError(401, "Unauthenticated: the token is missing or wrong")
        url = urlsplit(request.path)
        match request.method, *url.path.removeprefix(PREFIX).split("/"):
            case "GET", "healthz":
                return {"multi_user": False}
            case "GET", "experiments":
                return self._find_experiments(parse_qs(url.query))
            case "POST", "experiments":
                return self._new_experiment(request.body)
            case "GET", "runs", key:
                run = _find(self.runs, key, "run")
                run.over.wait(PATIENCE_S)
                return run.answer()
            case "POST", "runs":
                return self._new_run(request.body).answer()
        raise RefusedError(404, f"Not Found: {request.method} {url.path}")

    def _find_experiments(self, query: dict[str, list[str]]) -> Any:
        found = list(self.experiments.values())
        for predicate in json.loads(query.get("filter", ["{}"])[0]).get("predicates", []):
            if (predicate["operation"], predicate["key"]) != (1, "display_name"):
                raise RefusedError(400, f"InvalidInputError: filter {predicate}")
            found = [one for one in found if one["display_name"] == predicate["stringValue"]]
        return {"experiments": found, "total_size": len(found)}

    def _new_experiment(self, body: Any) -> Any:
        _check_fields(body, "V2beta1Experiment", "display_name")
        if body["display_name"] in [one["display_name"] for one in self.experiments.values()]:
            raise RefusedError(409, f"AlreadyExistError: experiment {body['display_name']}")
        new = {**body, "experiment_id": str(uuid4()), "created_at": now()}
        return self.experiments.setdefault(new["experiment_id"], new)

    def _new_run(self, body: Any) -> Run:
        _check_fields(body, "V2beta1Run", "display_name", "experiment_id", "pipeline_spec")
        _find(self.experiments, body["experiment_id"], "experiment")
        config, spec = body.get("runtime_config") or {}, body["pipeline_spec"]
        _check_fields(config, "V2beta1RuntimeConfig")
        run_id = str(uuid4())
        names = (body["display_name"], body["experiment_id"])
        specs = (spec.get("pipeline_spec", spec), spec.get("platform_spec", {}))
        run = Run(run_id, self.folder / run_id, *names, *specs, config)
        try:
            run.check()
        except Exception as error:
            message = f"InvalidInputError: the pipeline spec is invalid: {error!r}"
            raise RefusedError(400, f"Failed to create a new run: {message}") from error
        self.runs[run_id] = run
        self.artifacts(run_id).mkdir(parents=True)
        self.artifacts(run_id).chmod(0o777)  # an image may have a user of its own
        threading.Thread(target=run.execute, args=(self.secrets, self.closing)).start()
        return run


class _Handler(BaseHTTPRequestHandler):
    server: KFPServer

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        sent = self.rfile.read(int(headers.get("content-length", 0)))
        try:
            body = json.loads(sent) if sent else None
            told = self.server.answer(Request(self.command, self.path, headers, body))
            status = 200
        except Exception as error:
            status, message = getattr(error, "status", 500), str(error) or repr(error)
            told = {"error": message, "code": CODES[status], "message": message, "details": []}
        data = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def kfp_server(
    folder: Path, *, token: str | None = None, secrets: Secrets | None = None
) -> Iterator[KFPServer]:
    """Run a server in a thread; what it runs ends with it."""
    with KFPServer(folder, token, secrets or {}) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            for run in server.runs.values():
                run.over.wait()
            server.shutdown()
            thread.join()


def _find(among: Mapping[str, Any], name: str, kind: str) -> Any:
    if name not in among:
        raise RefusedError(404, f"ResourceNotFoundError: {kind} {name} not found")
    return among[name]


def _check_fields(body: Any, model: str, *needed: str) -> None:
    """Refuse a message with other fields than it may have, or without those that it must have."""
    known = getattr(require("kfp_server_api"), model).attribute_map.values()
    if unknown := set(body) - set(known):
        raise RefusedError(400, f'unknown field "{min(unknown)}"')
    if missing := [name for name in needed if not body.get(name)]:
        raise RefusedError(400, f"InvalidInputError: {missing[0]} is empty")


def _remove_containers(run_id: str) -> None:
    docker = require("docker")
    client = docker.from_env()
    for container in client.containers.list(filters={"label": f"{LABEL}={run_id}"}):
        with suppress(docker.errors.APIError):  # it ended meanwhile
            container.remove(force=True)
    client.close()
