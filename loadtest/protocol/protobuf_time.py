"""Instants between OCPP's text and the shortest form of ``Time`` in ``ocpp16.proto``; none loses anything."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECOND, _MILLISECOND = dt.timedelta(seconds=1), dt.timedelta(milliseconds=1)
_CACHED = 4096


@functools.lru_cache(_CACHED)
def time_form(text: Any) -> dict[str, int | str]:
    """The fields of a ``Time``: the shortest form from which exactly this text can be written again.

    Raises:
        ValueError: It is no text.
    """
    if not isinstance(text, str):
        raise ValueError("is not a text")  # noqa: TRY004
    try:
        since = dt.datetime.fromisoformat(text) - _EPOCH
        for form, unit in (("milliseconds", _MILLISECOND), ("seconds", _SECOND)):
            value = since // unit
            if time_text(form, value) == text:
                return {form: value}
    except (ValueError, TypeError, OverflowError):
        pass  # no instant, one without an offset, or one that is in the year 0 of UTC
    return {"text": text}


@functools.lru_cache(_CACHED)
def time_text(form: str, value: Any) -> str:
    """The text of a ``Time`` of which the field named ``form`` is set.

    Raises:
        OverflowError: It is out of range.
    """
    if form == "text":
        return str(value)
    if form == "seconds":
        return f"{_without_zone(value)}Z"
    return f"{_without_zone(value // 1000)}.{value % 1000:03d}Z"


def _without_zone(since_s: int) -> str:
    return (_EPOCH + since_s * _SECOND).replace(tzinfo=None).isoformat()
