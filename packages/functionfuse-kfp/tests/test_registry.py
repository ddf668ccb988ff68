"""Where images are pushed to, and that the password goes nowhere else."""

from __future__ import annotations

import base64
import json

import pytest

from functionfuse.backends.addons.kfpback._registry import Registry

PASSWORD = 'pass"word\\1'
LOGIN = {"server": "registry.example", "username": "me", "password": PASSWORD}


@pytest.mark.parametrize(
    "content",
    [
        PASSWORD,
        f"url: https://me:{PASSWORD}@registry.example",
        json.dumps({"password": PASSWORD}),
        repr({"password": PASSWORD}),
        base64.b64encode(f"me:{PASSWORD}".encode()).decode(),
    ],
)
def test_a_password_is_found_however_it_is_written(content):
    registry = Registry(LOGIN)
    registry.check_absence([("'a.py'", b"nothing")])
    parts = [("'a.py'", b"nothing"), ("'b.py'", f"x{content}x".encode())]
    with pytest.raises(ValueError, match=r"is in 'b\.py', and.*from the environment") as caught:
        registry.check_absence(parts)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("password", ["", "admin", "password"])
def test_what_stands_in_files_by_chance_is_no_password(password):
    """A file that gives credentials by their names has the word `password`."""
    username = "me" if password else ""
    registry = Registry({**LOGIN, "username": username, "password": password})
    registry.check_absence([("'a.py'", f"admin password {password}".encode())])


@pytest.mark.parametrize("server", ["", "docker.io", "https://index.docker.io/v1/"])
def test_an_address_is_no_repository_of_docker_hub(server):
    with pytest.raises(ValueError, match=r"the server 'docker\.io/ID'"):
        Registry({**LOGIN, "server": server, "username": "me@mail.example"})


def test_an_address_may_be_the_username_where_the_repository_is_named():
    login = {**LOGIN, "server": "docker.io/team", "username": "me@mail.example"}
    assert Registry(login).repository("w") == "docker.io/team/w"
