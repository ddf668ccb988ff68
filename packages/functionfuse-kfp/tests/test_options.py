"""What a user sets, and what KFP gets of it."""

from __future__ import annotations

import logging

import pytest

from functionfuse.backends.addons.kfpback import KFPWorkflow
from functionfuse.backends.addons.kfpback._options import make_template
from functionfuse.storage.filestorage import FileStorage
from functionfuse.testing import require
from functionfuse.testing.functions import keep

require("kfp")

PASSWORD = "a very secret password"
LOGIN = {"server": "registry.example", "username": "me", "password": PASSWORD}


def workflow(**options):
    return KFPWorkflow(keep(keep(1).set_name("a")).set_name("b"), workflow_name="w", **options)


def template(args, pull_secret=None, storage_secret=()):
    return make_template(
        args, "image", pull_secret=pull_secret, storage_secret=dict(storage_secret)
    )


@pytest.mark.parametrize(
    ("args", "part", "expected"),
    [
        ({"cpu_limit": "500m"}, "executor", {"resourceCpuLimit": "500m"}),
        ({"cpu_request": "2"}, "executor", {"resourceCpuRequest": "2"}),
        ({"memory_limit": "2Gi"}, "executor", {"resourceMemoryLimit": "2Gi"}),
        ({"memory_request": "1G"}, "executor", {"resourceMemoryRequest": "1G"}),
        (
            {"accelerator_type": "nvidia.com/gpu", "accelerator_limit": 2},
            "executor",
            {"resourceType": "nvidia.com/gpu", "resourceCount": "2"},
        ),
        ({"env": {"A": "b"}}, "executor", {"name": "A", "value": "b"}),
        ({"retries": 3}, "task", {"maxRetryCount": 3}),
        ({"retries": {"num_retries": 2, "backoff_factor": 4.0}}, "task", {"backoffFactor": 4.0}),
        ({"caching": True}, "task", {"enableCache": True}),
        ({"node_selector": {"disk": "fast"}}, "platform", {"labels": {"disk": "fast"}}),
        ({"tolerations": [{"key": "k", "operator": "Exists"}]}, "platform", {"key": "k"}),
        ({"image_pull_policy": "Always"}, "platform", {"imagePullPolicy": "Always"}),
        ({"timeout": 30}, "platform", {"activeDeadlineSeconds": "30"}),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else None,
)
def test_an_option_arrives_in_the_compiled_task(args, part, expected):
    workflow().query("a").set_task_args(args)
    found = getattr(template(args), part)
    assert any(expected.items() <= place.items() for place in dictionaries(found)), found


def dictionaries(value):
    """Yield all dictionaries within one."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from dictionaries(part)


def test_kfps_cache_is_off_unless_asked_for():
    assert template({}).task["cachingOptions"] == {}


def test_secrets_are_named():
    made = template({}, "login", {"s3": ("KEY",)}).platform
    assert made["imagePullSecret"][0]["secretName"] == "login"
    assert made["secretAsEnv"][0]["secretName"] == "s3"
    assert made["secretAsEnv"][0]["keyToEnv"] == [{"secretKey": "KEY", "envVar": "KEY"}]


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ({"cpus": 2}, TypeError, "'cpus'.*options are accelerator_limit"),
        ([("env", {})], TypeError, "dictionary of options"),
        ({"cpu_limit": "many"}, ValueError, "'cpu_limit': 'many', which KFP does not take"),
        ({"tolerations": [{"nonsense": 1}]}, TypeError, "'tolerations'"),
    ],
)
def test_a_wrong_option_is_refused_at_once(args, error, message):
    w = workflow()
    with pytest.raises(error, match=message):
        w.query("a").set_task_args(args)
    assert not w.task_args


def test_the_last_options_of_a_node_hold():
    w = workflow()
    w.query().set_task_args({"retries": 1})
    w.query("b").set_task_args({"env": {}})
    assert [w.task_args[position] for position in (0, 1)] == [{"retries": 1}, {"env": {}}]


@pytest.mark.parametrize(
    ("credentials", "error", "message"),
    [
        ("me:pw", TypeError, "type str"),
        ({"user": PASSWORD}, ValueError, "'user'"),
        ({"server": "registry"}, ValueError, "'registry' .*is no address to Docker"),
        ({"server": "a", "username": "me"}, ValueError, "username and password, or neither"),
        ({"server": "a", "username": "me", "password": 5}, TypeError, "password is none"),
    ],
)
def test_wrong_credentials_are_refused_without_showing_them(credentials, error, message):
    with pytest.raises(error, match=message) as caught:
        workflow(registry_credentials=credentials)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("server", "repository"),
    [
        ("registry.example", "registry.example/w"),
        ("https://registry.example/team/", "registry.example/team/w"),
        ("localhost:5000", "localhost:5000/w"),
        ("docker.io", "docker.io/me/w"),
        ("", "docker.io/me/w"),
        ("https://index.docker.io/v1/", "docker.io/me/w"),
        ("ghcr.io/JohnDoe", "ghcr.io/johndoe/w"),
        ("docker.io/team", "docker.io/team/w"),
    ],
)
def test_images_come_into_a_repository_of_the_registry(server, repository):
    assert workflow(registry_credentials={**LOGIN, "server": server})._repository == repository


def test_without_a_registry_an_image_stays_here():
    assert workflow()._repository == "functionfuse/w"


def test_settings_are_kept_and_contact_nobody(caplog):
    w = workflow(baseimage="b", registry_credentials=LOGIN, kfp_host="http://nowhere.invalid")
    assert (w.baseimage, w.registry_credentials, w.kfp_host) == (
        "b",
        LOGIN,
        "http://nowhere.invalid",
    )
    w.set_image_pull_secret("pull")
    w.set_storage_secret("s3", keys=["KEY"])
    assert PASSWORD not in f"{w!r}{w}{vars(w)['_registry']!r}"
    assert not caplog.records


@pytest.mark.parametrize("name", ["", "Upper", "under_score", "-a", 5])
def test_a_secret_needs_a_name_that_kubernetes_takes(name):
    w = workflow()
    for setter in (w.set_image_pull_secret, w.set_storage_secret):
        with pytest.raises(ValueError, match="small letters"):
            setter(name)


def test_files_are_for_this_machine_only(tmp_path):
    w = workflow()
    w.set_storage(FileStorage(tmp_path))
    with pytest.raises(TypeError, match=r"S3, or run\(local=True\)"):
        w.compile(tmp_path / "p.yaml")


def test_continuing_after_failures_is_for_this_machine_only():
    with pytest.raises(ValueError, match="needs local=True"):
        workflow().run(on_error="continue")


def test_logging_that_a_user_set_up_is_left_alone():
    from functionfuse.backends.addons.kfpback._errors import LOGGER, shown_progress

    with shown_progress():
        assert LOGGER.isEnabledFor(logging.INFO)
        assert LOGGER.handlers
    assert not LOGGER.handlers
    LOGGER.setLevel(logging.ERROR)
    try:
        with shown_progress():
            assert not LOGGER.handlers
    finally:
        LOGGER.setLevel(logging.NOTSET)
