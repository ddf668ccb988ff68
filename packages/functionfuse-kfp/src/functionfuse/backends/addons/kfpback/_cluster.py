"""Submitting a compiled pipeline to a cluster, and the run that comes of it."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from functionfuse.backends.addons.kfpback._pipeline import Pipeline
from functionfuse.backends.addons.kfpback._results import ResultReader
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
    reader
        Reads the results of the given nodes.

    Attributes
    ----------
    id
        As given; None if every result was saved already and nothing was submitted.
    """

    def __init__(self, client: Any, run_id: str | None, host: str, reader: ResultReader) -> None:
        self.id = run_id
        self._client = client
        self._host = host.rstrip("/")
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
            For what is not saved (a workflow without a storage, log nodes): where the cluster
            keeps artifacts, if that can be reached from here, as fsspec takes it:
            `"s3://mlpipeline/v2/artifacts"`, a folder, …
        **options
            Of that file system; for S3 `key`, `secret`, `endpoint_url`.

        Raises
        ------
        NodeError
            If the run did not succeed: its page has the logs, with the node's traceback.
        LookupError
            If a result is not saved, and where the artifacts are is not given.
        FileNotFoundError
            If a result is not there.
        TimeoutError
            As of `wait`.
        """
        if artifacts is None and self._reader.unsaved:
            names = ", ".join(map(repr, self._reader.unsaved))
            msg = (
                f"the results of {names} are in no storage (log nodes never are) but artifacts of "
                f"the cluster, on the run's page ({self.url}): give results(artifacts='s3://…') "
                "their place, or set a storage"
            )
            raise LookupError(msg)
        state = self.wait(timeout)
        if state != SUCCEEDED:
            msg = f"run {self.id} is {state}; what failed, and its traceback: {self.url}"
            raise NodeError(msg)
        values = self._reader.read(self.id, artifacts, options)
        return values[0] if len(values) == 1 else values

    def __repr__(self) -> str:
        return f"<KFP run {self.id} at {self.url}>" if self.id else "<KFP run: nothing to do>"


def connect(host: str, client: Any = None) -> tuple[Any, str]:
    """Return a client of Kubeflow Pipelines that answers, and the address of its page.

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
        # The page's address is what it shows itself; it tells it nowhere else.
        page = getattr(client, "_uihost", None) or host
        page = page if "://" in page else f"http://{page}"
        with _api_errors(page):
            client.list_experiments(page_size=1)
        return client, page
    _probe(host)
    import kfp

    with warnings.catch_warnings(), _api_errors(host):
        warnings.filterwarnings("ignore", "This client only works with", FutureWarning)
        return kfp.Client(host=host), host


def _probe(host: str) -> None:
    """See soon who answers, for which KFP's client takes 25 seconds."""
    try:
        with urllib.request.urlopen(
            f"{host.rstrip('/')}/apis/v2beta1/healthz", timeout=CONNECT_TIMEOUT_S
        ) as answer:
            kind = answer.headers.get_content_type()
    except urllib.error.HTTPError as error:
        if error.code in (401, 403):
            raise _unauthorized(host) from None
        msg = f"{host!r} answers, but not as Kubeflow Pipelines 2 does ({error}); see set_kfp_host"
        raise ConnectionError(msg) from None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        msg = (
            f"no Kubeflow Pipelines answers at {host!r} ({reason}): give its address with "
            "set_kfp_host, for a port that kubectl forwards such as 'http://localhost:8080'"
        )
        raise ConnectionError(msg) from None
    if kind != "application/json":
        msg = (
            f"{host!r} answers, but with a page ({kind}), not as Kubeflow Pipelines 2 does: see "
            "set_kfp_host; or, if one has to log in there, give a client that may, as in "
            "run(client=kfp.Client(host=…, existing_token=…))"
        )
        raise ConnectionError(msg)


def submit(client: Any, host: str, pipeline: Pipeline, name: str, experiment: str | None) -> str:
    """Submit a pipeline; return the id of its run."""
    with TemporaryDirectory() as folder, _api_errors(host):
        path = Path(folder) / "pipeline.yaml"
        path.write_text(pipeline.to_yaml())
        made = client.create_run_from_pipeline_package(
            str(path), run_name=name, experiment_name=experiment
        )
    run_id: str | None = made.run_id
    if not run_id:  # KFP's client takes any answer, such as a page to log in.
        msg = (
            f"{host!r} answers, but not as Kubeflow Pipelines 2 does, and has made no run: give a "
            "client for its API that may, as in run(client=kfp.Client(host=…, existing_token=…))"
        )
        raise ConnectionError(msg)
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
