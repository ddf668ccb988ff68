"""The tests' own Docker, registry and pipeline server do what real ones do."""

import json
import platform
import urllib.request
from io import BytesIO

import pytest

import docker_apart
from functionfuse.testing import require

docker = require("docker")
kfp = require("kfp")
kubernetes = require("kfp.kubernetes")
Refusal = require("kfp_server_api").ApiException

pytestmark = pytest.mark.filterwarnings("ignore:This client only works with:FutureWarning")

WRITE = """
import json, os, pathlib, sys
told = json.loads(sys.argv[1])
(out,) = told["outputs"]["artifacts"]["out"]["artifacts"]
path = pathlib.Path(out["uri"])
path.parent.mkdir(parents=True, exist_ok=True)
sources = [a["artifacts"][0]["uri"] for a in told["inputs"].get("artifacts", {}).values()]
path.write_text("".join(pathlib.Path(p).read_text() for p in sources) + os.environ.get("TEXT", "?"))
text = json.dumps({"artifacts": {"out": {"artifacts": [out]}}})
pathlib.Path(told["outputs"]["outputFile"]).write_text(text)
"""


def submitted(
    tmp_path, server, image, *, script=WRITE, customize=lambda first, last: None, **options
):
    """Compile a pipeline of two tasks, the last of which takes the first's artifact, and run it."""

    @kfp.dsl.container_component
    def first(out: kfp.dsl.Output[kfp.dsl.Artifact]):
        return kfp.dsl.ContainerSpec(image, ["python", "-c", script], ["{{$}}"])

    @kfp.dsl.container_component
    def last(source: kfp.dsl.Input[kfp.dsl.Artifact], out: kfp.dsl.Output[kfp.dsl.Artifact]):
        return kfp.dsl.ContainerSpec(image, ["python", "-c", script], ["{{$}}"])

    @kfp.dsl.pipeline(name="two")
    def two():
        made = first()
        taken = last(source=made.outputs["out"])
        if customize:
            customize(made, taken)

    path = str(tmp_path / "two.yaml")
    kfp.compiler.Compiler().compile(two, path)
    client = kfp.Client(server.url, **options)
    run = client.create_run_from_pipeline_package(path, enable_caching=False)
    return client.wait_for_run_completion(run.run_id, timeout=60)


def pushed(client, image, server, username, password):
    name = f"{server}/tests/pushed"
    client.images.get(image).tag(name, "1")
    credentials = {"username": username, "password": password}
    lines = list(client.images.push(name, "1", stream=True, decode=True, auth_config=credentials))
    client.images.remove(f"{name}:1")
    return lines


def test_base_image_runs_this_python(docker_engine, base_image):
    command = ["python", "-c", "import platform, numpy, pytest; print(platform.python_version())"]
    printed = docker_engine.containers.run(base_image, command, remove=True)
    assert printed.decode().strip() == platform.python_version()


def test_what_is_built_on_a_base_image_goes_with_it(docker_engine):
    with docker_apart.base_image(docker_engine, "short-lived") as tag:
        recipe = f"FROM {tag}\nRUN true\nRUN ".encode()
        docker_engine.images.build(fileobj=BytesIO(recipe + b"true"), tag="built:1", rm=True)
        with pytest.raises(docker.errors.BuildError):
            docker_engine.images.build(fileobj=BytesIO(recipe + b"false"), forcerm=True)
        label = {"label": f"{docker_apart.LABEL}={tag}"}
        assert docker_engine.images.list(filters=label)
    assert not docker_engine.images.list(all=True, filters=label)


def test_registry_takes_images_of_its_user_only(docker_engine, base_image, registry):
    lines = pushed(docker_engine, base_image, **vars(registry))
    assert "Digest" in lines[-1]["aux"]
    lines = pushed(docker_engine, base_image, **{**vars(registry), "password": "wrong"})
    assert any("error" in line for line in lines)


def test_pipeline_server_runs_what_is_posted(kfp_server, base_image, tmp_path):
    run = submitted(tmp_path, kfp_server, base_image)
    assert run.state == "SUCCEEDED", kfp_server.log(run.run_id)
    (made,) = kfp_server.artifacts(run.run_id).glob("*/last/out")
    assert made.read_text() == "??"


def test_run_fails_with_its_container(kfp_server, base_image, tmp_path):
    run = submitted(tmp_path, kfp_server, base_image, script="raise SystemExit(1)")
    assert run.state == "FAILED"
    assert run.error.message


@pytest.mark.parametrize("known", [{"TEXT": "secret"}, None])
def test_tasks_have_the_secrets_they_ask_for(new_kfp_server, base_image, tmp_path, known):
    def ask(first, last):
        kubernetes.use_secret_as_env(first, "mine", {"KEY": "TEXT"})
        kubernetes.set_image_pull_secrets(last, ["pull"])

    server = new_kfp_server(secrets={"mine": {"KEY": "!"}, **({"pull": {}} if known else {})})
    run = submitted(tmp_path, server, base_image, customize=ask)
    if known:
        (made,) = server.artifacts(run.run_id).glob("*/last/out")
        assert (run.state, made.read_text()) == ("SUCCEEDED", "!?")
    else:
        assert run.state == "FAILED"
        assert "secret pull not found" in server.log(run.run_id)


def test_requests_need_the_token(new_kfp_server, base_image, tmp_path):
    server = new_kfp_server(token="right")
    assert submitted(tmp_path, server, base_image, existing_token="right").state == "SUCCEEDED"
    with pytest.raises(Refusal, match="401"):
        submitted(tmp_path, server, base_image, existing_token="wrong", namespace="other")


def test_bad_pipelines_are_refused(kfp_server):
    client = kfp.Client(kfp_server.url)
    experiment = client.create_experiment("Default")
    body = {"experiment_id": experiment.experiment_id, "display_name": "run"}
    for spec in (
        {"root": {}},
        {"pipelineInfo": {"name": "x"}, "components": {}, "root": {"no": 1}},
    ):
        with pytest.raises(Refusal, match="spec is invalid"):
            client._run_api.run_service_create_run(run={**body, "pipeline_spec": spec})


def test_s3_server_answers(s3_url):
    with urllib.request.urlopen(f"{s3_url}/moto-api/data.json") as answer:
        assert json.load(answer) is not None
