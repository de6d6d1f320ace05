"""What somebody may have meant by a word that is not known."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_WITH_TLS = ("https", "wss", "mqtts", "ssl", "tls")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean uplink?``, or nothing when nothing is like it."""
    by_folded = {each.lower(): each for each in known}
    close = difflib.get_close_matches(word.lower(), by_folded, n=1)
    return f"; did you mean {by_folded[close[0]]}?" if close else ""


def url_meant(value: str, schemes: tuple[str, str]) -> str:
    """``; did you mean mqtt://localhost:1883?`` for what could be a URL but for its beginning; else nothing.

    Args:
        value: As written. One with a password in it is not repeated.
        schemes: Those that would do, the plain one and the one with TLS.
    """
    scheme, parted, rest = value.rpartition("://")
    if "@" in value or not re.fullmatch(r"[\w.-]+(:\d+)?(/.*)?" if parted else r"[\w.-]+:\d+(/.*)?", rest):
        return ""
    return f"; did you mean {schemes[scheme in _WITH_TLS]}://{rest}?"
