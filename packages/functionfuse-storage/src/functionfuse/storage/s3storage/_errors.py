"""What S3's failures mean, in sentences that name no secret."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions as boto
from fsspec.asyn import FSTimeoutError

__all__ = ["explained", "is_beyond_end", "origin"]

NO_CREDENTIALS = (
    boto.CredentialRetrievalError,
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.ProfileNotFound,
    boto.TokenRetrievalError,
    boto.UnauthorizedSSOTokenError,
)
UNREACHABLE = (boto.ConnectionError, boto.HTTPClientError, FSTimeoutError, TimeoutError)

CREDENTIALS = (
    "give key and secret, or anon, in the storage's s3fs options, or set them in the environment"
)


@contextlib.contextmanager
def explained(root: str, endpoint_url: str | None) -> Iterator[None]:
    """Turn what S3's libraries raise inside into an `OSError` that says what to do.

    Parameters
    ----------
    root
        The storage's path.
    endpoint_url
        Where S3 is, if it is not Amazon's.
    """
    try:
        yield
    except (OSError, FSTimeoutError, boto.BotoCoreError) as error:
        explanation = _explain(error, root, endpoint_url)
        if explanation is error:
            raise
        raise explanation from error


def is_beyond_end(error: OSError) -> bool:
    """Tell whether the object ends before the bytes that were asked for."""
    return _code(error) in ("InvalidRange", "416")


def origin(url: str | None) -> str | None:
    """Return the part of a URL that says where it leads, without a user's name and password."""
    if not url:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _explain(error: Exception, root: str, endpoint_url: str | None) -> Exception:
    where = f"S3 at {endpoint_url}" if endpoint_url else "S3"
    code = _code(error)
    if isinstance(error, NO_CREDENTIALS):
        msg = f"no credentials for {where} ({type(error).__name__}): {CREDENTIALS}"
        return PermissionError(errno.EACCES, msg, root)
    if isinstance(error, PermissionError):
        msg = (
            f"{where} refused ({code or 'AccessDenied'}): if the credentials are wrong, "
            f"{CREDENTIALS}; else have them allowed to list, get, put and delete objects there"
        )
        return PermissionError(errno.EACCES, msg, root)
    if code == "NoSuchBucket":
        bucket = root.partition("/")[0]
        msg = f"{where} has no bucket {bucket!r}: make it, or correct the storage's path"
        return FileNotFoundError(errno.ENOENT, msg, root)
    if isinstance(error, UNREACHABLE):
        endpoint_url = _asked(error) or endpoint_url
        where = f"S3 at {endpoint_url}" if endpoint_url else "S3"
        msg = (
            f"can't reach {where} ({type(error).__name__}): is it running, and is endpoint_url "
            "in the storage's s3fs options right?"
        )
        return ConnectionError(errno.EHOSTUNREACH, msg, root)
    if isinstance(error, OSError):
        return error
    return OSError(errno.EIO, f"{where} failed: {error}", root)


def _code(error: BaseException) -> str:
    """Return S3's own word for a failure; "" if it did not answer."""
    response: Any = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def _asked(error: Exception) -> str | None:
    """Return where the request went that failed."""
    return origin(getattr(error, "kwargs", {}).get("endpoint_url"))
