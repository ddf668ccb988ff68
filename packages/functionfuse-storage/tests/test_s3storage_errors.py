"""S3FileStorage: what is refused, what fails, and what the messages say and don't."""

from __future__ import annotations

import json
import logging
import socket
import time
import traceback

import pytest

from functionfuse import workflow
from functionfuse.backends.builtin.localback import LocalWorkflow
from functionfuse.storage import storage_factory
from functionfuse.testing import require

S3FileStorage = require("functionfuse.storage.s3storage").S3FileStorage
_client = require("functionfuse.storage.s3storage._client")

SECONDS = 30.0
"""Generous: what must fail soon does in a few seconds, and must not hang."""

SECRETS = {
    "key": "AKIA-s3cr3t-key",
    "secret": "s3cr3t-secret",
    "token": "s3cr3t-token",
    "client_kwargs": {"aws_secret_access_key": "s3cr3t-too"},
}


@workflow
def one():
    return 1


@pytest.mark.parametrize(
    ("path", "root"),
    [
        ("bucket", "bucket"),
        ("bucket/a folder/b", "bucket/a folder/b"),
        ("s3://bucket/folder/", "bucket/folder"),
        ("S3://bucket//folder", "bucket/folder"),
        ("s3a://my.bucket-1/x", "my.bucket-1/x"),
        ("arn:aws:s3:eu-west-1:123456789012:accesspoint/name/x",) * 2,
    ],
)
def test_paths_are_a_bucket_and_a_folder(path, root):
    assert repr(S3FileStorage(path, {})) == f"S3FileStorage({root!r})"


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("", ValueError, "'bucket/folder', got ''"),
        ("/", ValueError, "'bucket/folder', got '/'"),
        ("s3://", ValueError, "'bucket/folder', got 's3://'"),
        ("ab/c", ValueError, "'ab' in 'ab/c' can be none: its name has 3 or more"),
        ("a bucket/c", ValueError, "'a bucket' in"),
        ("file://bucket", ValueError, "'file:' in"),
        ("-bucket", ValueError, "'-bucket' in"),
        (None, TypeError, "got None of type NoneType"),
        (b"bucket", TypeError, "got b'bucket' of type bytes"),
    ],
)
def test_what_is_no_path_is_refused(path, error, message):
    with pytest.raises(error, match=message):
        S3FileStorage(path, {})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"path": "bucket", "s3fs": "s3cr3t"}, TypeError, "dictionary .*got one of type str"),
        ({"path": "bucket", "secret": "s3cr3t"}, ValueError, "got 'path', 'secret'"),
        ({"s3fs": {"secret": "s3cr3t"}}, ValueError, "got 's3fs'"),
        ({}, ValueError, "got none"),
    ],
)
def test_wrong_options_are_refused_without_their_values(options, error, message):
    with pytest.raises(error, match=message) as caught:
        storage_factory({"kind": "S3", "options": options})
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("options", [{"path": "bucket"}, {"path": "bucket", "s3fs": {}}])
def test_without_arguments_the_environment_tells(options):
    storage = storage_factory({"kind": "S3", "options": options})
    assert type(storage) is S3FileStorage


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint_url": "http://user:s3cr3t@127.0.0.1:9000/x?token=s3cr3t"},
        {"client_kwargs": {"endpoint_url": "http://127.0.0.1:9000", "aws_access_key_id": "s3cr3t"}},
    ],
)
def test_only_path_and_endpoint_are_shown(options):
    storage = S3FileStorage("bucket/x", {**SECRETS, **options})
    assert repr(storage) == "S3FileStorage('bucket/x', endpoint_url='http://127.0.0.1:9000')"
    assert "s3cr3t" not in repr(vars(storage))


def test_an_absent_bucket_is_named(s3_options, s3_url):
    storage = S3FileStorage("no-such-bucket/x", s3_options)
    for use in (storage.new_workflow, lambda name: storage.save(name, "task", 1)):
        with pytest.raises(
            FileNotFoundError, match="no bucket 'no-such-bucket': make it"
        ) as caught:
            use("w")
        assert s3_url in str(caught.value)
    assert storage.list_tasks("w", "*") == []
    assert not storage.file_exists("w", "task")
    storage.remove_workflow("w")
    with pytest.raises(FileNotFoundError, match="'task'"):
        storage.read_task("w", "task")


@pytest.fixture(scope="module")
def guarded(start_s3):
    """A server that checks credentials: arguments that may use it, and a bucket there."""
    import boto3
    import s3fs

    url = start_s3(INITIAL_NO_AUTH_ACTION_COUNT="3")
    any_credentials = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    iam = boto3.client("iam", endpoint_url=url, region_name="us-east-1", **any_credentials)
    iam.create_user(UserName="user")
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_user_policy(UserName="user", PolicyName="all", PolicyDocument=policy)
    key = iam.create_access_key(UserName="user")["AccessKey"]
    options = {"key": key["AccessKeyId"], "secret": key["SecretAccessKey"], "endpoint_url": url}
    s3fs.S3FileSystem(**options, skip_instance_cache=True).mkdir("guarded")
    return options


def test_right_credentials_are_let_in(guarded):
    storage = S3FileStorage("guarded/x", guarded)
    storage.new_workflow("w")
    storage.save("w", "task", 1)
    assert storage.read_task("w", "task") == 1


@pytest.mark.parametrize("wrong", ["secret", "key", "both"])
def test_wrong_credentials_are_refused_and_told_to_nobody(guarded, caplog, wrong):
    caplog.set_level(logging.DEBUG, "functionfuse")
    caplog.set_level(logging.INFO)
    bad = {"secret": {"secret": "s3cr3t-secret"}, "key": {"key": "s3cr3t-key"}}
    bad["both"] = {**bad["secret"], **bad["key"]}
    storage = S3FileStorage("guarded/x", {**guarded, **bad[wrong]})
    w = LocalWorkflow(one().set_name("one"), workflow_name="w")
    w.set_storage(storage)
    uses = [
        w.run,
        lambda: storage.new_workflow("w"),
        lambda: storage.save("w", "task", 2),
        lambda: storage.read_task("w", "task"),
        lambda: storage.list_tasks("w", "*"),
        lambda: storage.list_saved("w"),
        lambda: storage.remove_workflow("w"),
    ]
    for use in uses:
        with pytest.raises(PermissionError, match="credentials are wrong, give key and") as caught:
            use()
        text = "".join(traceback.format_exception(caught.value))
        for secret in ("s3cr3t", guarded["secret"]):
            assert secret not in text + repr(caught.value) + repr(storage) + caplog.text
        assert guarded["endpoint_url"] in str(caught.value)


def test_missing_credentials_are_asked_for(guarded):
    storage = S3FileStorage("guarded/x", {"endpoint_url": guarded["endpoint_url"]})
    with pytest.raises(PermissionError, match=r"no credentials for S3 at .*give key and secret"):
        storage.new_workflow("w")


def test_credentials_set_in_the_environment_count_for_the_next_storage(guarded, monkeypatch):
    options = {"endpoint_url": guarded["endpoint_url"]}
    with pytest.raises(PermissionError):
        S3FileStorage("guarded/x", options).new_workflow("w")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", guarded["key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", guarded["secret"])
    S3FileStorage("guarded/x", options).new_workflow("w")


def test_an_endpoint_where_nobody_listens_is_named_soon():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    storage = S3FileStorage("bucket/x", {**SECRETS, "client_kwargs": {}, "endpoint_url": url})
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=f"can't reach S3 at {url}") as caught:
        storage.new_workflow("w")
    assert time.monotonic() - start < SECONDS
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_an_endpoint_that_never_answers_is_named_soon(monkeypatch):
    monkeypatch.setattr(_client, "PROBE_TIMEOUT_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        storage = S3FileStorage("bucket/x", {"key": "k", "secret": "s", "endpoint_url": url})
        start = time.monotonic()
        with pytest.raises(ConnectionError, match=f"can't reach S3 at {url}"):
            storage.new_workflow("w")
        assert time.monotonic() - start < SECONDS


def test_a_host_that_is_not_there_is_named_soon():
    url = "http://no-such-host.invalid:9000"
    storage = S3FileStorage("bucket/x", {"key": "k", "secret": "s", "endpoint_url": url})
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=f"can't reach S3 at {url}"):
        storage.new_workflow("w")
    assert time.monotonic() - start < SECONDS


def test_the_users_own_settings_hold(s3_options, bucket):
    config = {"connect_timeout": 7, "retries": {"max_attempts": 1}}
    storage = S3FileStorage(f"{bucket}/x", {**s3_options, "config_kwargs": config})
    client = storage._keeper.file_system.s3.meta.config
    assert client.connect_timeout == 7
    assert client.max_pool_connections == 32
