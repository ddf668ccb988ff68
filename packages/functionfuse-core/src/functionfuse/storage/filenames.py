"""Names of tasks and workflows as names of files, on any file system.

A name of portable characters is the file's name as it is. What some file system can't
hold is written as `%XX`, the hexadecimal bytes of its UTF-8, so names can be read back.
Names too long are cut, and end in `%~` and a digest; their true name stands in the
result's header.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["CUT_MARK", "decode_filename", "encode_filename"]

CUT_MARK = "%~"
"""What stands before the digest of a name that was cut; no encoded name contains it."""

MAX_BYTES = 200
DIGEST_BYTES = 16

_UNPORTABLE = re.compile(r'[\x00-\x1f\x7f"%*/:<>?\\|\ud800-\udfff]|^\.|[. ]\Z')
_DEVICE = re.compile(
    r"(con|prn|aux|nul|(com|lpt)[0-9¹²³]|conin\$|conout\$) *(\.|\Z)", re.IGNORECASE
)
_ESCAPES = re.compile(r"((?:%[0-9A-F]{2})+)")


def encode_filename(name: str, *, folds_case: bool = False) -> str:
    """Return the file name of a task or workflow.

    Parameters
    ----------
    name
        Any text.
    folds_case
        Whether the file system takes `Model` and `model` for one file; then all but
        lower-case letters are written as `%XX`.

    Returns
    -------
    str
        At most 200 bytes of UTF-8. Two names never have one file name.

    Examples
    --------
    >>> encode_filename("score, digits"), encode_filename("a/b"), encode_filename("..")
    ('score, digits', 'a%2Fb', '%2E%2E')
    """
    if not name:
        return "%"
    encoded = _UNPORTABLE.sub(lambda match: _escape(match[0]), name)
    if _DEVICE.match(encoded):
        encoded = _escape(encoded[0]) + encoded[1:]
    if folds_case:
        parts = _ESCAPES.split(encoded)
        parts[::2] = ["".join(map(_escape_foldable, part)) for part in parts[::2]]
        encoded = "".join(parts)
    # Last, since an accent may now follow the last letter of an escape, and join it.
    if not encoded.isascii() and not unicodedata.is_normalized("NFC", encoded):
        encoded = "".join(c if c.isascii() else _escape(c) for c in encoded)
    if len(encoded.encode()) > MAX_BYTES:
        encoded = _cut(encoded, name)
    return encoded


def decode_filename(filename: str) -> str:
    """Return the name that a file name stands for, if it was not cut.

    Raises
    ------
    UnicodeDecodeError
        If `encode_filename` never gives such a file name; others it may not give either.
    """
    if filename == "%":
        return ""
    parts = _ESCAPES.split(filename)
    parts[1::2] = [
        bytes.fromhex(part.replace("%", "")).decode("utf-8", "surrogatepass")
        for part in parts[1::2]
    ]
    return "".join(parts)


def _cut(encoded: str, name: str) -> str:
    from hashlib import blake2b

    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES)
    tail = CUT_MARK + digest.hexdigest()
    head = encoded.encode()[: MAX_BYTES - len(tail)].decode(errors="ignore")
    return re.sub(r"%.?\Z", "", head) + tail


def _escape(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def _escape_foldable(character: str) -> str:
    is_plain = character == character.casefold() == character.upper().casefold()
    return character if is_plain else _escape(character)
