"""The only conversions between units, and durations as people write them."""

from __future__ import annotations

import re

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
US_PER_S = 1_000_000

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)")


def seconds(text: str | float) -> float:
    """Read a duration: ``30``, ``"30s"``, ``"1m30s"``, ``"250ms"``, ``"1.5h"``; a bare number is in seconds.

    Raises:
        ValueError: The text is not a duration, or it is negative.
    """
    if isinstance(text, (int, float)):
        value = float(text)
    else:
        compact = text.strip().lower()
        try:
            value = float(compact)
        except ValueError:
            parts = _PART.findall(compact)
            if not parts or _PART.sub("", compact).strip():
                raise ValueError(f"{text!r} is not a duration; write for example 30s, 1m30s or 250ms") from None
            value = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if not 0 <= value < float("inf"):
        raise ValueError(f"{text!r} is not a duration of zero or more")
    return value
