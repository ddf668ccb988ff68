"""Images that are built, looked into and pushed to a private registry."""

from __future__ import annotations

import base64
import gc
import gzip
import io
import logging
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from textwrap import dedent
from uuid import uuid4

import pytest

import docker_apart
from functionfuse import workflow
from functionfuse.backends.addons.kfpback import ImageError, KFPWorkflow
from functionfuse.testing import require
from functionfuse.testing.functions import keep
from processes import free_port

components = require("kfp").components
yaml = require("yaml")

pytestmark = pytest.mark.usefixtures("project")

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
STEPS = """
    from functionfuse import workflow

    @workflow
    def shift(x):
        return x + {0}
"""
REQUIREMENTS = "--no-index\n--find-links /wheels\ntiny==1.0\nfunctionfuse-core[kfp]>=0.2\n"


@pytest.fixture(scope="module")
def base_with_wheel(docker_engine, base_image):
    """Return an image in which a requirement can be installed without a network."""
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("tiny.py", "")
        about = "tiny-1.0.dist-info"
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        file.writestr(f"{about}/WHEEL", tags)
        file.writestr(f"{about}/RECORD", "")
    content = {
        "Dockerfile": f"FROM {base_image}\nCOPY wheels /wheels\n".encode(),
        "wheels/tiny-1.0-py3-none-any.whl": wheel.getvalue(),
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
    archive.seek(0)
    tag = "functionfuse-tests/wheel:1"
    docker_engine.images.build(fileobj=archive, custom_context=True, tag=tag, rm=True)
    return tag


@pytest.fixture
def compiled(base_image, tmp_path):
    """Return a function that compiles nodes; it returns the file and the name of the image."""

    def compiled(
        *nodes, baseimage=base_image, name="image", storage=None, task_args=(), **credentials
    ):
        w = KFPWorkflow(*nodes, workflow_name=name, baseimage=baseimage)
        w.set_registry_credentials(credentials)
        w.query().set_task_args(dict(task_args))
        if storage is not None:
            w.set_storage(storage)
        path = tmp_path / f"{uuid4().hex}.yaml"
        w.compile(path)
        return path, image_in(path)

    return compiled


def image_in(path):
    spec = next(yaml.safe_load_all(path.read_text()))
    executors = spec["deploymentSpec"]["executors"].values()
    (image,) = {executor["container"]["image"] for executor in executors}
    return image


def ask(registry, path):
    """Return what the registry answers."""
    login = base64.b64encode(f"{registry.username}:{registry.password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Accept": MANIFEST}
    request = urllib.request.Request(f"http://{registry.server}/v2/{path}", headers=headers)
    with urllib.request.urlopen(request) as answer:
        answer.read()
        return answer.headers


def is_known(registry, name):
    try:
        ask(registry, f"{name}/tags/list")
    except urllib.error.HTTPError as error:
        error.close()
        return False
    return True


def layers(engine, image):
    return engine.images.get(image).attrs["RootFS"]["Layers"]


def test_the_pipeline_names_the_image_by_the_digest_that_the_registry_serves(
    docker_engine, registry, compiled
):
    path, image = compiled(keep(1), **vars(registry))
    name, _, digest = image.partition("@")
    assert name == f"{registry.server}/image"
    tags = docker_engine.images.get(image).tags
    (tag,) = [tag for tag in tags if tag.startswith(f"{name}:")]
    served = ask(registry, f"image/manifests/{tag.rpartition(':')[2]}")
    assert served["Docker-Content-Digest"] == digest
    loaded = components.load_component_from_file(str(path))
    assert loaded.pipeline_spec.pipeline_info.name == "image"


def test_a_change_of_the_code_changes_only_the_last_layers(
    docker_engine, registry, project, base_with_wheel, compiled, tmp_path
):
    (tmp_path / "project" / "requirements.txt").write_text(REQUIREMENTS)

    def image(number):
        node = project(STEPS.format(number)).shift(1)
        return compiled(node, baseimage=base_with_wheel, **vars(registry))[1]

    first, second = image(1), image(2)
    assert first != second
    assert image(1) == first
    base = layers(docker_engine, base_with_wheel)
    before, after = layers(docker_engine, first), layers(docker_engine, second)
    assert before[: len(base)] == after[: len(base)] == base
    *steady, app, _ = before
    assert after[: len(steady)] == steady  # pip would have left other times of files.
    assert app not in after
    see = "import tiny, steps, functionfuse as f; assert '/functionfuse/lib' in f.__path__[0]"
    docker_engine.containers.run(first, ["python3", "-c", see], remove=True)


def test_requirements_that_can_not_be_installed_are_told(base_with_wheel, compiled, tmp_path):
    text = "--no-index\n--find-links /wheels\ntiny==2.0\n"
    (tmp_path / "project" / "requirements.txt").write_text(text)
    with pytest.raises(ImageError, match=r"can't be built: Looking in links.*\nERROR.*tiny==2\.0"):
        compiled(keep(1), baseimage=base_with_wheel)


def test_the_same_code_has_the_same_image_in_another_process(base_image, tmp_path):
    (tmp_path / "project" / "script.py").write_text(
        dedent("""
            import sys
            from functionfuse import workflow
            from functionfuse.backends.addons.kfpback import KFPWorkflow

            words = {"one", "two", "three"}

            class Word(str):
                pass

            shout = workflow(lambda x: sorted(Word(w) for w in words if w in {"one", "three"}))

            @workflow
            def count(x, among=frozenset("abcdef")):
                return len(among)

            if __name__ == "__main__":
                nodes = [count(shout({"a", "b", "c"})), count({"x": {1, 2.5}, "y": None})]
                w = KFPWorkflow(*nodes, workflow_name="image", baseimage=sys.argv[1])
                w.compile(sys.argv[2])
        """)
    )
    images = set()
    for seed in "12":
        path = tmp_path / "project" / "pipeline.yaml"
        subprocess.run(
            [sys.executable, "script.py", base_image, path.name],
            cwd=path.parent,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        )
        images.add(image_in(path))
    assert len(images) == 1


def test_secrets_are_nowhere(
    docker_engine, registry, compiled, monkeypatch, caplog, capfd, s3_url, tmp_path
):
    from functionfuse.storage.s3storage import S3FileStorage

    caplog.set_level(logging.DEBUG)
    secrets = [uuid4().hex, uuid4().hex]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", secrets[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secrets[1])
    (tmp_path / "project" / ".env").write_text(f"KEY={secrets[1]}")
    storage = S3FileStorage("bucket/results", {"endpoint_url": s3_url})
    path, image = compiled(keep((1,)), storage=storage, **vars(registry))
    texts = [path.read_text(), caplog.text, "".join(capfd.readouterr()), repr(image)]
    assert "pushing" in caplog.text
    login = base64.b64encode(f"{registry.username}:{registry.password}".encode()).decode()
    for secret in (registry.password, login, *secrets):
        assert not any(secret in text for text in texts)
    wanted = [secret.encode() for secret in (registry.password, *secrets)]
    found_storage = False
    with tempfile.TemporaryFile() as archive:
        archive.writelines(docker_engine.images.get(image).save())
        archive.seek(0)
        for name, data in files_in(archive):
            found_storage |= b"bucket/results" in data
            assert not any(secret in data for secret in wanted), name
    assert found_storage  # So what is inside of layers can be found.


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("file", "'config/mine.ini'"),
        ("parameter", "an argument of node 'it'"),
        ("pickle", "an argument of a node"),
        ("function", "a function that is pickled"),
        ("options", "what set_task_args was given"),
    ],
)
def test_a_password_that_would_go_into_the_image_is_refused_before_it_is_built(
    built, registry, compiled, tmp_path, place, what
):
    password = registry.password
    before = built()
    node, options = keep(1), {}
    if place == "file":
        (tmp_path / "project" / "config").mkdir()
        (tmp_path / "project" / "config" / "mine.ini").write_text(f"password={password}\n")
    elif place == "options":
        options["task_args"] = {"env": {"PASSWORD": password}}
    elif place == "function":
        node = workflow(lambda: password)()
    else:
        node = keep(password if place == "parameter" else (password,)).set_name("it")
    with pytest.raises(ValueError, match=f"is in .*{what}.*read it from the env") as caught:
        compiled(node, **vars(registry), **options)
    assert password not in str(caught.value)
    assert built() == before


def files_in(archive):
    """Yield name and content of each file of an image's archive, in which layers are files."""
    with tarfile.open(fileobj=archive) as members:
        for member in members:
            data = members.extractfile(member).read() if member.isfile() else b""
            yield member.name, gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def test_a_wrong_password_is_told_before_anything_is_built(built, registry, compiled, project):
    node = project(STEPS.format(uuid4().int)).shift(1)
    before = built()
    with pytest.raises(PermissionError, match="refuses the username and password") as caught:
        compiled(node, server=registry.server, username="robot", password="wrong one")
    assert "wrong one" not in str(caught.value)
    assert built() == before


def test_a_registry_that_does_not_answer_is_told(docker_engine, compiled):
    server = f"127.0.0.1:{free_port()}"
    with pytest.raises(ConnectionError, match=f"{server}' can't be used"):
        compiled(keep(1), server=server, username="robot", password="p4ssw0rd")


def test_a_registry_that_does_not_answer_is_told_before_anything_is_built(built, compiled):
    before = built()
    with pytest.raises(ConnectionError, match=r"can't be used: .*refused"):
        compiled(keep(uuid4().hex), server=f"127.0.0.1:{free_port()}")
    assert built() == before


@pytest.mark.parametrize("path", [".", "absent/p.yaml", "steps.py/p.yaml"])
def test_a_pipeline_that_can_not_be_written_is_told_before_anything_is_built(
    project, monkeypatch, path
):
    monkeypatch.setattr("functionfuse.backends.addons.kfpback._image.Engine.__init__", None)
    w = KFPWorkflow(project(STEPS.format(1)).shift(1), workflow_name="image")
    with pytest.raises(OSError, match=f"can't be written to '{path}'.*in a folder that is there"):
        w.compile(path)


def test_a_registry_that_wants_credentials_gets_none(registry, compiled):
    with pytest.raises(ImageError, match=r"can't push.*auth"):
        compiled(keep(1), server=registry.server)


def test_a_base_image_that_is_nowhere_is_told(registry, compiled):
    base = f"{registry.server}/absent:1"
    with pytest.raises(ImageError, match=r"is not here: Docker can't pull.*set_baseimage"):
        compiled(keep(1), baseimage=base, **vars(registry))


def test_a_base_image_is_pulled_with_the_credentials_and_that_shows(
    docker_engine, registry, base_image, compiled, caplog
):
    base = f"{registry.server}/folder/base:1"
    docker_engine.images.get(base_image).tag(base)
    login = {"username": registry.username, "password": registry.password}
    docker_engine.images.push(base, auth_config=login)
    docker_engine.images.remove(base)
    caplog.set_level(logging.INFO)
    compiled(keep(1), baseimage=base, **vars(registry))
    docker_engine.images.remove(base)
    pulled = caplog.text.partition("pulling the base image")[2].partition("building image")[0]
    assert "already exists" in pulled or "pull complete" in pulled


def test_python_is_the_one_that_runs(docker_engine, base_image, compiled):
    name = f"python:{docker_apart.VERSION}"
    is_there = name in [tag for image in docker_engine.images.list() for tag in image.tags]
    if not is_there:
        docker_engine.images.get(base_image).tag(name)
    _, image = compiled(keep(1), baseimage="python")
    base = layers(docker_engine, name)
    assert layers(docker_engine, image)[: len(base)] == base
    if not is_there:
        docker_engine.images.remove(name)


@pytest.mark.parametrize("base", ["", " python", "No Image", None])
def test_what_is_no_name_of_an_image_is_refused(docker_engine, compiled, base):
    with pytest.raises(ValueError, match="image"):
        compiled(keep(1), baseimage=base)


def test_a_base_image_with_another_python_is_told(compiled, monkeypatch):
    monkeypatch.setattr("functionfuse.backends.addons.kfpback._context.PYTHON", "3.99")
    sentence = r"the base image has Python 3\.\d+, the workflow was made with 3\.99: give a base"
    with pytest.raises(ImageError, match=sentence):
        compiled(keep(1))


def test_a_container_with_another_python_is_told(compiled, monkeypatch):
    monkeypatch.setattr("functionfuse.backends.addons.kfpback._content.PYTHON", "3.99")
    with pytest.raises(ImageError, match=r"this image has Python 3\.\d+ .* made with 3\.99: give"):
        compiled(keep(1))


def test_what_can_not_be_found_in_the_image_is_told_before_it_is_pushed(
    registry, compiled, project, tmp_path, monkeypatch
):
    (tmp_path / "outside.py").write_text(dedent(STEPS.format(1)))
    monkeypatch.syspath_prepend(tmp_path)
    import outside

    monkeypatch.delitem(sys.modules, "outside")
    monkeypatch.setitem(sys.modules, "outside", outside)
    sentence = r"(?s)shift.* of module 'outside' can't be imported .* in the directory"
    with pytest.raises(ImageError, match=sentence):
        compiled(outside.shift(1), name="unpushed", **vars(registry))
    assert not is_known(registry, "unpushed")


def test_the_check_has_the_environment_of_the_tasks(compiled, project, monkeypatch):
    monkeypatch.setenv("NEEDED", "here")
    module = project("import os\nNEEDED = os.environ['NEEDED']\n" + dedent(STEPS.format(1)))
    compiled(module.shift(1), task_args={"env": {"NEEDED": "there"}})
    with pytest.raises(ImageError, match=r"(?s)NEEDED = os\.environ.*shift.*: KeyError: 'NEEDED'"):
        compiled(module.shift(1))


def test_a_check_that_does_not_end_is_ended(containers, compiled, project, monkeypatch):
    monkeypatch.setattr("functionfuse.backends.addons.kfpback._image.CHECK_TIMEOUT_S", 2.0)
    text = "import os, time\nif os.path.exists('/functionfuse'):\n    time.sleep(60)\n"
    module = project(text + dedent(STEPS.format(1)))
    with pytest.raises(ImageError, match=r"ended after its timeout of 2 s"):
        compiled(module.shift(1))
    assert not containers()


def test_modules_of_the_base_image_stay_where_it_finds_them_behind_the_users(
    docker_engine, base_image, compiled, project
):
    recipe = (
        f"FROM {base_image}\nENV PYTHONPATH='/with space:/more'\n"
        "RUN mkdir '/with space' /more && echo 'N = 1' > '/with space/theirs.py' "
        "&& echo 'N = 2' > /more/steps.py\n"
    )
    base = docker_engine.images.build(fileobj=io.BytesIO(recipe.encode()), rm=True)[0].id
    _, image = compiled(project(STEPS.format(1)).shift(1), baseimage=base)
    path = "/functionfuse/app:/functionfuse/lib:/with space:/more"
    see = (
        "import os, steps, theirs\n"
        "assert (steps.__file__, theirs.N) == ('/functionfuse/app/steps.py', 1)\n"
        f"assert os.environ['PYTHONPATH'] == {path!r}"
    )
    docker_engine.containers.run(image, ["python3", "-c", see], remove=True)


def test_the_users_folders_are_everybodys(docker_engine, compiled, tmp_path):
    (tmp_path / "project" / "a" / "b").mkdir(parents=True)
    (tmp_path / "project" / "a" / "b" / "data").write_text("x")
    (tmp_path / "project" / "a").chmod(0o700)
    _, image = compiled(keep(1))
    command = ["sh", "-c", "cp a/b/data a/b/copy && mv a/b/copy a && test $(cat a/copy) = x"]
    docker_engine.containers.run(image, command, user="65534:65534", remove=True)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # of Docker's client
@pytest.mark.parametrize("action", [lambda w: w.run(local=True), lambda w: w.compile("p.yaml")])
def test_without_docker_a_sentence_says_so(monkeypatch, tmp_path, action):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/dead.sock")
    w = KFPWorkflow(keep(1), workflow_name="image")
    with pytest.raises(ConnectionError, match="none answers: start Docker, or set DOCKER_HOST"):
        action(w)
    gc.collect()
