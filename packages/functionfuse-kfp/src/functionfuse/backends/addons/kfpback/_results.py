"""Reading the results of a run: from its storage, and from where a cluster keeps artifacts.

Kubeflow Pipelines puts an artifact under `ROOT/PIPELINE/RUN/TASK/…/OUTPUT`; what the dots
stand for depends on its version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from functionfuse.arguments import take
from functionfuse.storage.base import Storage
from functionfuse.storage.format import StoredResult

__all__ = ["Artifact", "Given", "ResultReader"]


class Artifact(NamedTuple):
    """An output of a task."""

    task: str
    output: str


class Given(NamedTuple):
    """A node that was given to the workflow, and which item of its result."""

    name: str
    keys: tuple[Any, ...]
    artifact: Artifact | None
    """Where its result is; None if that is saved."""


class ResultReader(NamedTuple):
    """Reads the results of the given nodes."""

    storage: Storage | None
    workflow_name: str
    pipeline: str
    given: Sequence[Given]

    @property
    def unsaved(self) -> list[str]:
        """Names of the nodes whose results are nothing but artifacts."""
        return [given.name for given in self.given if given.artifact is not None]

    def read(self, run_id: str | None, root: str | None, options: Mapping[str, Any]) -> list[Any]:
        """Read the results.

        Parameters
        ----------
        run_id
            The run.
        root
            Where the artifacts are, as fsspec takes it: a folder, `s3://bucket/folder`, …;
            None if no result is to be read from there.
        options
            Arguments of the file system of fsspec.

        Raises
        ------
        ImportError
            If fsspec, or what it needs for such a place, is not installed.
        FileNotFoundError
            If a result is not there.
        DamagedResultError
            If one is not whole.
        """
        artifacts = {}
        if self.unsaved:
            assert root is not None
            artifacts = _read(root, options, f"{self.pipeline}/{run_id}", self.given)
        values = []
        for name, keys, artifact in self.given:
            if artifact is None:
                assert self.storage is not None
                value = self.storage.read_task(self.workflow_name, name)
            else:
                value = artifacts[artifact].load()
            values.append(take(value, keys))
        return values


def _read(
    root: str, options: Mapping[str, Any], run: str, given: Sequence[Given]
) -> dict[Artifact, StoredResult]:
    try:
        import fsspec
    except ImportError as error:
        msg = "artifacts are read by fsspec: pip install fsspec, for S3 pip install s3fs"
        raise ImportError(msg, name="fsspec") from error
    file_system, path = fsspec.core.url_to_fs(root, **options)
    folder = f"{path.rstrip('/')}/{run}"
    paths = sorted(file_system.find(folder))
    found = {}
    for artifact in dict.fromkeys(one.artifact for one in given if one.artifact is not None):
        names = [name for name in paths if _is_of(name[len(folder) + 1 :], artifact)]
        if not names:
            msg = f"{folder!r} has no artifact {artifact.output!r} of task {artifact.task!r}"
            raise FileNotFoundError(msg)
        data = memoryview(bytearray(file_system.cat_file(names[-1])))
        found[artifact] = StoredResult(data, names[-1])
    return found


def _is_of(path: str, artifact: Artifact) -> bool:
    task, *_, name = path.split("/")
    return (task, name) == artifact
