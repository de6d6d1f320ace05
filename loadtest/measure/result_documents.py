"""Result documents: JSON that people can read, of a named format and a version."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from loadtest.errors import DamagedResultError, ResultError
from loadtest.measure.result_files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

_Document = TypeVar("_Document", bound=msgspec.Struct)


class _Heading(msgspec.Struct):
    format: str = ""
    version: int = 0


def to_json(document: msgspec.Struct) -> bytes:
    """A result document as people can read it."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def store(document: msgspec.Struct, path: Path) -> None:
    """Write a result document in one step.

    Raises:
        ResultError: It could not be written; the previous one is still there.
    """
    try:
        write_whole(path, to_json(document))
    except OSError as error:
        hint = "see that there is room, and that the folder may be written to"
        raise ResultError(f"cannot write {path}: {error.strerror}", hint=hint) from error


def read(path: Path, kind: type[_Document], expected_format: str, newest_version: int, hint: str = "") -> _Document:
    """Read a result document that has to be there.

    Args:
        path: The file.
        kind: What is in it.
        expected_format: Its format by name.
        newest_version: The newest version that can be read.
        hint: What to do when it is not there.

    Raises:
        ResultError: There is none, it is damaged, or of a version this one cannot read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ResultError(f"cannot read {path}: {error.strerror}", hint=hint) from error
    return decode(content, kind, path, expected_format, newest_version)


def content_if_there(path: Path) -> bytes | None:
    """What is in a result document that need not be there; ``None`` when there is none.

    Raises:
        ResultError: It is there, and cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ResultError(f"cannot read {path}: {error.strerror}") from error


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
