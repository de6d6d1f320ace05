"""Result documents: JSON that people can read, of a named format and a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from loadtest.errors import DamagedResultError, ResultError

if TYPE_CHECKING:
    from pathlib import Path

_Document = TypeVar("_Document", bound=msgspec.Struct)


class _Heading(msgspec.Struct):
    format: str = ""
    version: int = 0


def to_json(document: msgspec.Struct) -> bytes:
    """A result document as people can read it."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def decode(content: bytes, kind: type[_Document], path: Path, expected_format: str, newest_version: int) -> _Document:
    """Read a result document, checking what it is before what is in it.

    Raises:
        ResultError: It is damaged, something else, or of a newer version; names the file.
    """
    try:
        heading = msgspec.json.decode(content, type=_Heading)
        if heading.format != expected_format:
            raise ResultError(f"{path} is not a {expected_format} document")
        if not 1 <= heading.version <= newest_version:
            raise ResultError(
                f"{path} is of format version {heading.version}; this loadtest reads up to {newest_version}",
                hint="read it with the version of loadtest that wrote it, or a newer one",
            )
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise DamagedResultError(f"{path} is damaged or cut off: {error}") from error
