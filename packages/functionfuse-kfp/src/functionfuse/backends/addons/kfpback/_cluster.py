"""Submitting a compiled pipeline to a cluster, and the run that comes of it."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from functionfuse.backends.addons.kfpback._artifacts import ArtifactReader
from functionfuse.backends.addons.kfpback._pipeline import Pipeline
from functionfuse.errors import NodeError

__all__ = ["KFPRun", "connect", "submit"]

CONNECT_TIMEOUT_S = 5.0
FIRST_POLL_S = 0.5
MAX_POLL_S = 10.0
SUCCEEDED = "SUCCEEDED"
FINAL_STATES = frozenset({SUCCEEDED, "FAILED", "SKIPPED", "ERROR", "CANCELED"})


class KFPRun:
    """A run of a workflow on a cluster.

    Parameters
    ----------
    client
        A `kfp.Client`; None for a run in which nothing was left to do.
    run_id
        Of Kubeflow Pipelines.
    host
        Where Kubeflow Pipelines answers.
    read_results
        Reads the results of the given nodes from the storage; None without one.
    reader
        Reads them from where the cluster keeps artifacts.

    Attributes
    ----------
    id
        As given; None if every result was saved already and nothing was submitted.
    """

    def __init__(
        self,
        client: Any,
        run_id: str | None,
        host: str,
        read_results: Callable[[], list[Any]] | None,
        reader: ArtifactReader,
    ) -> None:
        self.id = run_id
        self._client = client
        self._host = host.rstrip("/")
        self._read_results = read_results
        self._reader = reader

    @property
    def url(self) -> str | None:
        """Address of the run's page."""
        return None if self.id is None else f"{self._host}/#/runs/details/{self.id}"

    @property
    def state(self) -> str:
        """State of the run, as Kubeflow Pipelines calls it, such as `PENDING` or `SUCCEEDED`."""
        if self.id is None:
            return SUCCEEDED
        with _api_errors(self._host):
            state: str = self._client.get_run(self.id).state
        return state

    def wait(self, timeout: float | None = None) -> str:
        """Wait until the run has ended; return its state.

        Parameters
        ----------
        timeout
            Seconds.

        Raises
        ------
        TimeoutError
            If it has not ended by then; it goes on.
        """
        end = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_POLL_S
        while (state := self.state) not in FINAL_STATES:
            left = pause if end is None else end - time.monotonic()
            if left <= 0:
                msg = f"run {self.id} is {state} after {timeout} s and goes on: {self.url}"
                raise TimeoutError(msg)
            time.sleep(min(pause, left))
            pause = min(2 * pause, MAX_POLL_S)
        return state

    def results(
        self, timeout: float | None = None, *, artifacts: str | None = None, **options: Any
    ) -> Any:
        """Wait for the run and return what `LocalWorkflow.run` returns.

        Parameters
        ----------
        timeout
            As of `wait`.
        artifacts
            For a workflow without a storage: where the cluster keeps artifacts, if that can be
            reached from here, as fsspec takes it: `"s3://mlpipeline/v2/artifacts"`, a folder, …
        **options
            Of that file system; for S3 `key`, `secret`, `endpoint_url`.

        Raises
        ------
        NodeError
            If the run did not succeed: its page has the logs, with the node's traceback.
        LookupError
            If the workflow has no storage, and where the artifacts are is not given.
        FileNotFoundError
            If a result is not there.
        TimeoutError
            As of `wait`.
        """
        if self._read_results is None and artifacts is None:
            msg = (
                "the workflow has no storage, so its results are artifacts of the cluster, on the "
                f"run's page ({self.url}): give results(artifacts='s3://…') their place, or set "
                "a storage"
            )
            raise LookupError(msg)
        state = self.wait(timeout)
        if state != SUCCEEDED:
            msg = f"run {self.id} is {state}; what failed, and its traceback: {self.url}"
            raise NodeError(msg)
        if self._read_results is not None:
            values = self._read_results()
        else:
            assert self.id is not None
            assert artifacts is not None
            values = self._reader.read(self.id, artifacts, options)
        return values[0] if len(values) == 1 else values

    def __repr__(self) -> str:
        return f"<KFP run {self.id} at {self.url}>" if self.id else "<KFP run: nothing to do>"


def connect(host: str, client: Any = None) -> Any:
    """Return a client of Kubeflow Pipelines.

    Parameters
    ----------
    host
        Where it answers.
    client
        The user's own, which is then returned.

    Raises
    ------
    ConnectionError
        If nobody answers there, or not as Kubeflow Pipelines does.
    PermissionError
        If it wants to know who asks.
    """
    if client is not None:
        return client
    try:
        with urllib.request.urlopen(
            f"{host.rstrip('/')}/apis/v2beta1/healthz", timeout=CONNECT_TIMEOUT_S
        ):
            pass
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise _unauthorized(host) from None
        msg = f"{host!r} answers, but not as Kubeflow Pipelines 2 does ({error}); see set_kfp_host"
        raise ConnectionError(msg) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        msg = (
            f"no Kubeflow Pipelines answers at {host!r} ({reason}): give its address with "
            "set_kfp_host, for a port that kubectl forwards such as 'http://localhost:8080'"
        )
        raise ConnectionError(msg) from None
    import kfp

    with warnings.catch_warnings(), _api_errors(host):
        warnings.filterwarnings("ignore", "This client only works with", FutureWarning)
        return kfp.Client(host=host)


def submit(client: Any, host: str, pipeline: Pipeline, name: str, experiment: str | None) -> str:
    """Submit a pipeline; return the id of its run."""
    with TemporaryDirectory() as folder, _api_errors(host):
        path = Path(folder) / "pipeline.yaml"
        path.write_text(pipeline.to_yaml())
        made = client.create_run_from_pipeline_package(
            str(path), run_name=name, experiment_name=experiment
        )
    run_id: str = made.run_id
    return run_id


def _unauthorized(host: str) -> PermissionError:
    msg = (
        f"Kubeflow Pipelines at {host!r} wants to know who asks: give a client that may, as in "
        "run(client=kfp.Client(host=…, existing_token=…))"
    )
    return PermissionError(msg)


@contextmanager
def _api_errors(host: str) -> Iterator[None]:
    """Turn what KFP's client raises into errors that say what to do."""
    from kfp_server_api.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        if error.status in (401, 403):
            raise _unauthorized(host) from None
        msg = f"Kubeflow Pipelines at {host!r} refuses: {error.body or error.reason}"
        raise RuntimeError(msg) from error
    except HTTPError as error:
        msg = f"Kubeflow Pipelines at {host!r} does not answer: {error}"
        raise ConnectionError(msg) from error
