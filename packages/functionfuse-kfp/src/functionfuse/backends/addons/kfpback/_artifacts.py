"""Reading the results of a run from where a cluster keeps artifacts.

Kubeflow Pipelines puts an artifact under `ROOT/PIPELINE/RUN/TASK/…/OUTPUT`; what the dots
stand for depends on its version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from functionfuse.arguments import take
from functionfuse.storage.format import StoredResult

__all__ = ["ArtifactReader", "Output"]


class Output(NamedTuple):
    """The artifact that a given node's result is in, and which item of it was given."""

    task: str
    name: str
    keys: tuple[Any, ...]


class ArtifactReader(NamedTuple):
    """Reads the results of the nodes that were given to a workflow."""

    pipeline: str
    outputs: Sequence[Output]

    def read(self, run_id: str, root: str, options: Mapping[str, Any]) -> list[Any]:
        """Read the results.

        Parameters
        ----------
        run_id
            The run.
        root
            Where the artifacts are, as fsspec takes it: a folder, `s3://bucket/folder`, …
        options
            Arguments of the file system of fsspec.

        Raises
        ------
        ImportError
            If fsspec, or what it needs for such a place, is not installed.
        FileNotFoundError
            If an artifact is not there.
        DamagedResultError
            If one is not whole.
        """
        try:
            import fsspec
        except ImportError as error:
            msg = "artifacts are read by fsspec: pip install fsspec, for S3 pip install s3fs"
            raise ImportError(msg, name="fsspec") from error
        file_system, path = fsspec.core.url_to_fs(root, **options)
        folder = f"{path.rstrip('/')}/{self.pipeline}/{run_id}"
        paths = sorted(file_system.find(folder))
        values = []
        for output in self.outputs:
            names = [name for name in paths if _is_of(name[len(folder) + 1 :], output)]
            if not names:
                msg = f"{folder!r} has no artifact {output.name!r} of task {output.task!r}"
                raise FileNotFoundError(msg)
            data = memoryview(bytearray(file_system.cat_file(names[-1])))
            values.append(take(StoredResult(data, names[-1]).load(), output.keys))
        return values


def _is_of(path: str, output: Output) -> bool:
    task, *_, name = path.split("/")
    return (task, name) == (output.task, output.name)
