"""The registry that images are pushed to, and who may do so."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from functionfuse.backends.addons.kfpback._errors import docker_errors

__all__ = ["Registry"]

FIELDS = ("server", "username", "password")
HUB = "docker.io"

SHORTEST_SEARCHED = 6
"""Characters; shorter passwords occur anywhere by chance."""

_SILENCE = re.compile(r"dial tcp|time-?out|deadline|x509|tls:|HTTP response|EOF", re.IGNORECASE)
"""What a Docker Engine says of a registry that it can't talk to."""


class Registry:
    """A registry, from the credentials that a user gave.

    Parameters
    ----------
    credentials
        `server`, `username` and `password`; empty for none.

    Raises
    ------
    TypeError
        If it is no dictionary of text.
    ValueError
        If a key is unknown, or there is a username without a password.
    """

    def __init__(self, credentials: Mapping[str, str]) -> None:
        # Never their values: they are secret.
        if not isinstance(credentials, Mapping):
            msg = (
                "registry_credentials is a dictionary with the keys server, username and "
                f"password, got one of type {type(credentials).__name__}"
            )
            raise TypeError(msg)
        unknown = [key for key in credentials if key not in FIELDS]
        if unknown:
            msg = (
                f"registry_credentials has the keys {', '.join(FIELDS)}, "
                f"got {', '.join(map(repr, unknown))}"
            )
            raise ValueError(msg)
        wrong = [key for key, value in credentials.items() if not isinstance(value, str)]
        if wrong:
            msg = f"registry_credentials holds text, and {', '.join(wrong)} is none"
            raise TypeError(msg)
        self.username = credentials.get("username", "")
        self._password = credentials.get("password", "")
        if bool(self.username) != bool(self._password):
            msg = "registry_credentials needs username and password, or neither"
            raise ValueError(msg)
        server = credentials.get("server", "").removeprefix("https://").removeprefix("http://")
        self.server, _, self._folder = server.rstrip("/").partition("/")
        if self.username and self.server in ("", "index.docker.io", HUB):
            self.server = HUB
            is_address = self._folder in ("", "v1", "v2")  # As Docker itself writes the Hub's.
            self._folder = self.username if is_address else self._folder
            if "@" in self._folder:
                msg = (
                    "a username that is an e-mail address names no repository of Docker Hub: give "
                    "registry_credentials the server 'docker.io/ID' with your Docker ID"
                )
                raise ValueError(msg)
        elif self.server and not _is_host(self.server):
            msg = (
                f"{self.server!r} as the server of registry_credentials is no address to Docker: "
                "it has a dot or a port, such as 'registry.example' or 'registry:80'"
            )
            raise ValueError(msg)
        self._folder = self._folder.lower()

    def __bool__(self) -> bool:
        return bool(self.server)

    def __repr__(self) -> str:
        return f"Registry({self.server!r})"

    @property
    def has_credentials(self) -> bool:
        """Whether the registry wants to know who pulls."""
        return bool(self.username)

    def repository(self, name: str) -> str:
        """Return the repository of a workflow's images."""
        if not self:
            return f"functionfuse/{name}"
        return "/".join(part for part in (self.server, self._folder, name) if part)

    def authorization(self) -> dict[str, str] | None:
        """Return what Docker's SDK is given to push and to pull."""
        if not self.has_credentials:
            return None
        return {"username": self.username, "password": self._password}

    def holds(self, image: str) -> bool:
        """Tell whether an image is in this registry."""
        first = image.partition("/")[0]
        has_host = "/" in image and _is_host(first)
        return bool(self) and self.server == (first if has_host else HUB)

    def check(self, client: Any) -> None:
        """See that the registry answers, and takes the credentials, before anything slow.

        Raises
        ------
        PermissionError
            If it refuses them.
        ConnectionError
            If it can't be reached.
        """
        if not self:
            return
        with docker_errors(f"ask the registry {self.server!r}"):
            text = self._refusal(client)
        if text is None or not (self.has_credentials or _SILENCE.search(text)):
            return  # What it may want of a push without credentials, the push will tell.
        if "unauthorized" in text.lower() or re.search(r"\b40[13]\b", text):
            msg = (
                f"the registry {self.server!r} refuses the username and password given as "
                "registry_credentials"
            )
            raise PermissionError(msg)
        msg = f"the registry {self.server!r} can't be used: {self.without_secrets(text)}"
        raise ConnectionError(msg)

    def _refusal(self, client: Any) -> str | None:
        """Have the Docker Engine ask the registry; return why that fails, if it does."""
        from docker.errors import APIError

        try:
            if self.has_credentials:
                address = "https://index.docker.io/v1/" if self.server == HUB else self.server
                client.login(self.username, self._password, registry=address, reauth=True)
            else:
                client.images.get_registry_data(f"{self.server}/functionfuse")
        except APIError as error:
            return str(error.explanation or error)
        return None

    def check_absence(self, parts: Iterable[tuple[str, bytes]]) -> None:
        """See that the password is in nothing that goes into an image or a pipeline.

        Parameters
        ----------
        parts
            What to call each, and its content.

        Raises
        ------
        ValueError
            If it is in one.
        """
        if len(self._password) < SHORTEST_SEARCHED or self._password in FIELDS:
            return
        login = base64.b64encode(f"{self.username}:{self._password}".encode()).decode()
        written = {text(self._password)[1:-1] for text in (repr, json.dumps)}
        secrets = [text.encode() for text in (self._password, login, *written)]
        for what, content in parts:
            if any(secret in content for secret in secrets):
                msg = (
                    f"the password of registry_credentials is in {what}, and would get into the "
                    "image or the pipeline: read it from the environment, and leave files that "
                    "have it to .dockerignore"
                )
                raise ValueError(msg)

    def without_secrets(self, text: str) -> str:
        """Return a text in which the password, were it there, is not."""
        return text.replace(self._password, "***") if self._password else text


def _is_host(text: str) -> bool:
    """Tell whether Docker takes the first part of an image's name for a registry's address."""
    return "." in text or ":" in text or text == "localhost"
