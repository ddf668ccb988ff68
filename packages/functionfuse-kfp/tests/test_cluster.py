"""The whole road to a cluster: built, pushed, sent, executed, and fetched from the storage."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest

import s3_apart
from functionfuse.backends.addons.kfpback import KFPWorkflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.errors import NodeError
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import require
from functionfuse.testing.functions import Account, add, fail, keep, table, token, total
from processes import free_port

kfp = require("kfp")
S3FileStorage = require("functionfuse.storage.s3storage").S3FileStorage

pytestmark = [
    pytest.mark.usefixtures("project"),
    pytest.mark.filterwarnings("ignore:This client only works with:FutureWarning"),
]

PULL_SECRET = "functionfuse-registry"
SECRET = uuid4().hex
LOGIN = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": SECRET}
NAME = "The Road"
TIMEOUT_S = 120


@pytest.fixture
def storage(s3_url, monkeypatch):
    """Return a storage whose handle holds no credentials."""
    for name, value in LOGIN.items():
        monkeypatch.setenv(name, value)
    return S3FileStorage(s3_apart.new_storage(s3_url)._keeper.root, {"endpoint_url": s3_url})


@pytest.fixture
def make(base_image, kfp_server):
    """Return a function that makes a workflow for the server."""

    def make(*nodes, storage=None, host=kfp_server.url):
        w = KFPWorkflow(*nodes, workflow_name=NAME, baseimage=base_image, kfp_host=host)
        if storage is not None:
            w.set_storage(storage)
        return w

    return make


def pull_secret(registry):
    login = {"username": registry.username, "password": registry.password}
    return {".dockerconfigjson": json.dumps({"auths": {registry.server: login}})}


def titles(server, run):
    """Return the true names of what a run scheduled."""
    tasks = server.runs[run.id].pipeline_spec["root"]["dag"]["tasks"].values()
    return sorted(task["taskInfo"]["name"] for task in tasks)


def build(given, *, last=None):
    """Return nodes with items, containers, several consumers and a fan-in."""
    root = given(keep)({"a": [1, 2.5], "b": (3,)}).set_name("root {{x}} $(Y)")
    many = [add(root["a"][0], i).set_name(f"add {i}") for i in range(2)]
    summed = total([*many, root["a"][1]]).set_name("sum")
    columns = table(one=root, two={"three": [summed]}).set_name("table")
    return [summed, columns["one"]["b"], *([last(summed)] if last else [])]


def test_a_run_walks_the_whole_road_and_the_next_takes_what_is_saved(
    make, new_kfp_server, registry, storage
):
    secrets = {PULL_SECRET: pull_secret(registry), "s3-login": LOGIN}
    server = new_kfp_server(secrets=secrets)

    def make_it(**options):
        w = make(*build(lambda f: f, **options), storage=storage, host=server.url)
        w.set_registry_credentials(vars(registry))
        w.set_storage_secret("s3-login")
        return w

    run = make_it().run(experiment="mine")
    assert run.wait(TIMEOUT_S) == "SUCCEEDED", server.log(run.id)
    expected = LocalWorkflow(*build(lambda f: f), workflow_name="here").run()
    assert run.results() == expected
    assert run.id in run.url
    posted = server.runs[run.id]
    assert titles(server, run) == ["add 0", "add 1", "root {{x}} $(Y)", "sum", "table"]
    assert posted.display_name == NAME
    assert server.experiments[posted.experiment_id]["display_name"] == "mine"
    for task in posted.tasks().values():
        assert task["container"]["image"].startswith(f"{registry.server}/the-road@sha256:")
        assert task["kubernetes"]["imagePullSecret"][0]["secretName"] == PULL_SECRET
        (secret,) = task["kubernetes"]["secretAsEnv"]
        assert secret["secretName"] == "s3-login"
        assert {pair["secretKey"]: pair["envVar"] for pair in secret["keyToEnv"]} == {
            key: key for key in LOGIN
        }
    assert all(
        value not in posted.text()
        for value in (registry.password, *LOGIN.values())
        if value != "key"
    )

    again = make_it().run()
    assert again.id is None
    assert again.url is None
    assert again.wait() == "SUCCEEDED"
    assert again.results() == expected
    assert len(server.runs) == 1

    added = make_it(last=lambda summed: add(summed, 100).set_name("last")).run()
    assert added.results(TIMEOUT_S) == [*expected, expected[0] + 100]
    assert titles(server, added) == ["last"]


@pytest.mark.parametrize("missing", ["pull", "s3-login"])
def test_a_run_needs_the_secrets_it_names(make, new_kfp_server, registry, storage, missing):
    secrets = {"pull": pull_secret(registry), "s3-login": LOGIN}
    server = new_kfp_server(secrets={k: v for k, v in secrets.items() if k != missing})
    w = make(keep(1), storage=storage, host=server.url)
    w.set_registry_credentials(vars(registry))
    w.set_image_pull_secret("pull")
    w.set_storage_secret("s3-login")
    run = w.run()
    assert run.wait(TIMEOUT_S) == "FAILED"
    assert f"secret {missing} not found" in server.log(run.id)


def test_a_failure_shows_in_the_log_of_its_container(make, new_kfp_server, storage):
    server = new_kfp_server(secrets={"s3-login": LOGIN})
    broken = fail(token().set_name("before")).set_name("broken")
    w = make(keep(broken).set_name("after"), storage=storage, host=server.url)
    w.set_storage_secret("s3-login")
    run = w.run()
    with pytest.raises(NodeError, match="FAILED") as caught:
        run.results(TIMEOUT_S)
    assert run.url in str(caught.value)
    log = server.log(run.id)
    assert 'raise CustomError(len(inputs), "on purpose")' in log
    assert "node 'broken' failed" in log
    assert storage.list_tasks(NAME, "*") == ["before"]


def test_without_a_storage_results_are_read_from_the_artifacts(make, kfp_server, tmp_path):
    root = keep({"a": [1, (2,)]}).set_name("Root")
    account = Account(1).set_name("account")
    given = root["a"][1], account.deposit(5).set_name("first"), root
    run = make(*given).run()
    with pytest.raises(LookupError, match="artifacts='s3://"):
        run.results(TIMEOUT_S)
    assert run.wait(TIMEOUT_S) == "SUCCEEDED", kfp_server.log(run.id)
    place = tmp_path / "artifacts" / "the-road"
    with pytest.raises(FileNotFoundError, match="no artifact 'result' of task 'root'"):
        run.results(artifacts=str(place.parent))
    place.mkdir(parents=True)
    (made,) = kfp_server.artifacts(run.id).iterdir()  # Named after pipeline and time.
    (place / run.id).symlink_to(made)
    assert run.results(artifacts=str(place.parent)) == [(2,), 6, {"a": [1, (2,)]}]


def test_a_log_node_is_read_from_the_artifacts_beside_what_is_saved(
    make, new_kfp_server, storage, tmp_path
):
    server = new_kfp_server(secrets={"s3-login": LOGIN})

    def run():
        saved = keep(4).set_name("saved")
        w = make(add(saved, 1).set_name("log"), saved, storage=storage, host=server.url)
        w.set_storage_secret("s3-login")
        w.log_nodes("log")
        run = w.run()
        assert run.wait(TIMEOUT_S) == "SUCCEEDED", server.log(run.id)
        with pytest.raises(LookupError, match=r"results of 'log' are in no storage \(log nodes"):
            run.results()
        place = tmp_path / run.id / "the-road"
        place.mkdir(parents=True)
        (made,) = server.artifacts(run.id).iterdir()
        (place / run.id).symlink_to(made)
        return run, run.results(artifacts=str(place.parent))

    first, results = run()
    assert results == [5, 4]
    assert storage.list_tasks(NAME, "*") == ["saved"]
    again, results = run()
    assert results == [5, 4]
    assert titles(server, first) == ["log", "saved"]
    assert titles(server, again) == ["log"]


def test_a_client_of_ones_own_is_asked_before_anything_is_built_and_names_the_page(
    make, kfp_server, monkeypatch
):
    w = make(keep(1).set_name("one"), host="http://nowhere.invalid")
    client = kfp.Client(kfp_server.url, namespace="other")
    run = w.run(client=client)
    assert run.url == f"{kfp_server.url}/#/runs/details/{run.id}"
    assert run.wait(TIMEOUT_S) == "SUCCEEDED", kfp_server.log(run.id)
    monkeypatch.setattr("functionfuse.backends.addons.kfpback._image.Engine.build", None)
    dead = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ConnectionError, match=f"at '{dead}' does not answer"):
        w.run(client=kfp.Client(dead, namespace="other"))


def test_who_asks_has_to_say_who_he_is(make, new_kfp_server, monkeypatch):
    server = new_kfp_server(token="right")
    wrong = kfp.Client(server.url, existing_token="wrong", namespace="other")
    with monkeypatch.context() as patch:
        patch.setattr("functionfuse.backends.addons.kfpback._image.Engine.build", None)
        with pytest.raises(PermissionError, match=r"client=kfp\.Client"):
            make(keep(1)).run(client=wrong)
    w = make(keep(1).set_name("one"), host=f"{server.url}/")
    with pytest.raises(PermissionError, match=r"client=kfp\.Client"):
        w.run()
    assert not server.runs
    run = w.run(client=kfp.Client(server.url, existing_token="right"))
    assert run.wait(TIMEOUT_S) == "SUCCEEDED", server.log(run.id)
    with pytest.raises(LookupError, match="set a storage"):
        run.results()
    assert f"{server.url}/#/runs/details/{run.id}" in repr(run)
    server.runs[run.id].state = "RUNNING"
    with pytest.raises(TimeoutError, match=rf"RUNNING after 0\.2 s and goes on: .*{run.id}"):
        run.wait(0.2)


def test_a_server_that_does_not_answer_is_told_before_anything_is_built(
    make, docker_engine, monkeypatch
):
    monkeypatch.setattr("functionfuse.backends.addons.kfpback._image.Engine.build", None)
    began = time.monotonic()
    for host in (f"http://127.0.0.1:{free_port()}", "localhost:8080", "nonsense"):
        with pytest.raises(ConnectionError, match=f"{host}.*set_kfp_host"):
            make(keep(1), host=host).run()
    assert time.monotonic() - began < 5


def test_a_server_that_is_another_is_told(make, s3_url):
    with pytest.raises(ConnectionError, match="not as Kubeflow Pipelines 2 does"):
        make(keep(1), host=s3_url).run()


class LoginPage(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<html>Who are you?")

    do_POST = do_GET

    def log_message(self, *_):
        pass


def test_a_page_to_log_in_is_told(make, docker_engine):
    with ThreadingHTTPServer(("127.0.0.1", 0), LoginPage) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        with pytest.raises(ConnectionError, match=r"with a page \(text/html\).*client=kfp\.Client"):
            make(keep(1), host=f"http://127.0.0.1:{server.server_port}").run()
        client = kfp.Client(f"http://127.0.0.1:{server.server_port}", namespace="other")
        with pytest.raises(ConnectionError, match=r"not as Kubeflow.*client=kfp\.Client"):
            make(keep(1)).run(client=client)
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("action", ["run", "compile"])
def test_storages_that_a_cluster_must_not_have_are_refused(
    make, s3_url, docker_engine, tmp_path, action
):
    def act(w):
        return w.run() if action == "run" else w.compile(tmp_path / "pipeline.yaml")

    with pytest.raises(TypeError, match=r"run\(local=True\)"):
        act(make(keep(1), storage=FileStorage(tmp_path)))
    with pytest.raises(ValueError, match="set_storage_secret") as caught:
        act(make(keep(1), storage=s3_apart.new_storage(s3_url)))
    assert "'secret'" not in str(caught.value)
    assert not (tmp_path / "pipeline.yaml").exists()


def test_continuing_after_a_failure_is_for_here(make, docker_engine):
    with pytest.raises(ValueError, match="local=True"):
        make(keep(1)).run(on_error="continue")


def test_a_compiled_pipeline_asks_the_storage_whenever_it_runs(
    make, new_kfp_server, storage, tmp_path
):
    """The second run has to replay r1 for r2, and to execute child; the third what changed.

    account ─► r1 ─► r2 ─► r3     parent ─► child
               └──► kept
    """
    server = new_kfp_server(secrets={"s3-login": LOGIN})
    path = str(tmp_path / "pipeline.yaml")

    def compiled(text, **options):
        account = Account(10).set_name("account")
        account.deposit(5).set_name("deposit")
        receipts = [account.receipt().set_name(f"r{i}") for i in (1, 2, 3)]
        child = token(token(text).set_name("parent")).set_name("child")
        w = make(*receipts, token(receipts[0][1]), child, storage=storage)
        w.set_storage_secret("s3-login")
        w.compile(path, **options)

    def executed():
        run = kfp.Client(server.url).create_run_from_pipeline_package(path)
        server.runs[run.run_id].over.wait(TIMEOUT_S)
        assert server.runs[run.run_id].state == "SUCCEEDED", server.log(run.run_id)
        names = storage.list_tasks(NAME, "*")
        return {name: storage.read_task(NAME, name) for name in names}

    compiled("a")
    first = executed()
    assert len(first) == 7

    for name in ("r2", "child"):
        storage.remove_task(NAME, name)
    second = executed()
    assert second["r2"][0] == first["r2"][0] == 15
    assert {name for name in first if second[name] != first[name]} == {"r2", "child"}

    compiled("b", reuse="unchanged")
    third = executed()
    assert {name for name in first if third[name] != second[name]} == {"parent", "child"}
