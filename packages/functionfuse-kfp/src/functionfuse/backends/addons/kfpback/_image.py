"""Building and pushing the image of a workflow with a Docker Engine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from functionfuse.backends.addons.kfpback._container import Container
from functionfuse.backends.addons.kfpback._context import PYTHON, Context
from functionfuse.backends.addons.kfpback._errors import LOGGER, ImageError, docker_errors
from functionfuse.backends.addons.kfpback._registry import Registry

__all__ = ["Engine"]

LARGE_BYTES = 200_000_000
LINES_SHOWN = 15
LAYER_ENDS = ("Pull complete", "Already exists", "Pushed", "Layer already exists")

CHECK_TIMEOUT_S = 600.0
"""A check imports all that the nodes will; large libraries take a minute."""

_COLOR = re.compile(r"\x1b\[[0-9;]*m")


class Engine:
    """A Docker Engine: the one that `DOCKER_HOST` names, or this machine's.

    Parameters
    ----------
    registry
        Where images are pushed to, and base images may come from.

    Raises
    ------
    ConnectionError
        If no engine answers.
    """

    def __init__(self, registry: Registry) -> None:
        import docker
        from docker.errors import DockerException

        self._registry = registry
        try:
            self.client: Any = docker.from_env()
            self.client.ping()
        except (DockerException, OSError) as error:
            msg = (
                "images are built and run by a Docker Engine, and none answers: start Docker, or "
                f"set DOCKER_HOST ({error})"
            )
            raise ConnectionError(msg) from None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def find_base(self, image: str) -> str:
        """Return the identity of a base image, which is pulled if it is not there.

        Raises
        ------
        ImageError
            If it can't be had.
        ValueError
            If that is no name of an image.
        """
        if not isinstance(image, str) or not image or image != image.strip():
            msg = f"a base image is named by text such as 'python:{PYTHON}', got {image!r}"
            raise ValueError(msg)
        if image == "python":
            image = f"python:{PYTHON}"
        found = self._identity(image)
        if found is None:
            try:
                self._pull(image)
            except ImageError as error:
                text = self._registry.without_secrets(str(error))
                msg = (
                    f"the base image {image!r} is not here: {text}; "
                    "give one with set_baseimage that `docker pull` finds"
                )
                raise ImageError(msg) from None
            found = self._identity(image)
        return str(found)

    def _identity(self, image: str) -> str | None:
        """Return the identity of an image; None if it is not there."""
        from docker.errors import APIError, ImageNotFound

        with docker_errors(f"look for the image {image!r}"):
            try:
                found: str = self.client.images.get(image).id
            except ImageNotFound:
                return None
            except APIError as error:
                if not error.is_client_error():
                    raise
                msg = f"{image!r} is no name of an image: {error.explanation}"
                raise ValueError(msg) from None
        return found

    def _pull(self, image: str) -> None:
        LOGGER.info("pulling the base image %s", image)
        name, tag = _split_tag(image)
        login = self._registry.authorization() if self._registry.holds(image) else None
        with docker_errors(f"pull {image!r}"):
            stream = self.client.api.pull(
                name, tag=tag, auth_config=login, stream=True, decode=True
            )
            for _ in self._followed(stream):
                pass

    def build(self, context: Context, repository: str) -> str:
        """Build an image, unless the same is there; return its name, which says its content.

        Raises
        ------
        ImageError
            If a step of its recipe fails.
        """
        if context.nbytes > LARGE_BYTES:
            LOGGER.warning(
                "%.0f MB of files in the current directory go into the image: name what does not "
                "belong there in .dockerignore",
                context.nbytes / 1e6,
            )
        tag = f"{repository}:{context.digest()}"
        if self._identity(tag) is not None:
            LOGGER.info("image %s is there", tag)
            return tag
        LOGGER.info("building image %s", tag)
        with context.write() as archive, docker_errors("build the image"):
            stream = self.client.api.build(
                fileobj=archive, custom_context=True, tag=tag, rm=True, forcerm=True, decode=True
            )
            self._follow_build(stream)
        return tag

    def _follow_build(self, stream: Iterable[Mapping[str, Any]]) -> None:
        lines: list[str] = []
        for entry in stream:
            text = _COLOR.sub("", entry.get("stream", "")).strip()
            lines += text.splitlines()
            if text.startswith("Step "):
                LOGGER.info("%s", text[:200])
            if "error" in entry:
                said = [
                    line for line in lines if not line.startswith(("Step ", "--->", "Removing"))
                ]
                tail = "\n".join(said[-LINES_SHOWN:])
                msg = f"the image can't be built: {tail or entry['error']}"
                if tail:
                    msg += f"\n({entry['error']})"
                raise ImageError(self._registry.without_secrets(msg))

    def push(self, tag: str) -> str:
        """Push an image to the registry; return its name there, by its digest.

        Raises
        ------
        ImageError
            If the registry does not take it.
        """
        repository, version = _split_tag(tag)
        LOGGER.info("pushing %s", tag)
        digest = None
        with docker_errors(f"push {tag!r}"):
            stream = self.client.images.push(
                repository,
                tag=version,
                stream=True,
                decode=True,
                auth_config=self._registry.authorization(),
            )
            for entry in self._followed(stream):
                digest = entry.get("aux", {}).get("Digest", digest)
        if digest is None:
            msg = f"the registry told no digest of {tag!r}, which a pipeline names its image by"
            raise ImageError(msg)
        return f"{repository}@{digest}"

    def _followed(self, stream: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Yield what is told of a transfer, and show what became of each layer."""
        from docker.errors import APIError

        for entry in stream:
            if "error" in entry:  # There is no exception.
                raise APIError(self._registry.without_secrets(entry["error"]))
            if entry.get("status") in LAYER_ENDS:
                LOGGER.info("%s: %s", entry.get("id"), entry["status"].lower())
            yield entry

    def check(self, image: str, command: list[str], environment: Mapping[str, str]) -> None:
        """See in a container that an image holds what nodes need.

        Raises
        ------
        ImageError
            If it does not.
        """
        container = Container("check", self.client, image, command, environment=dict(environment))
        exit_code, lines = container.run(CHECK_TIMEOUT_S)
        if exit_code:
            said = "\n".join(lines)
            msg = f"the image lacks what the workflow needs:\n{said}"
            raise ImageError(msg)


def _split_tag(image: str) -> tuple[str, str | None]:
    """Split a name into repository and tag (or digest): `host:5000/a:b` has the tag `b`."""
    if "@" in image:
        repository, _, digest = image.partition("@")
        return repository, digest
    head, separator, last = image.rpartition("/")
    name, colon, tag = last.partition(":")
    return head + separator + name, tag if colon else "latest"
