"""Numbers as people read them: three digits, a unit, thousands kept apart."""

from __future__ import annotations

from loadtest.units import US_PER_S

_US_PER_MS = 1_000


def latency_text(value_us: float) -> str:
    """``850 µs``, ``3.21 ms``, ``45.3 ms``, ``940 ms``, ``1.25 s``."""
    if abs(value_us) < _US_PER_MS:
        return f"{value_us:.0f} µs"
    if abs(value_us) < US_PER_S - 500:
        return f"{_three_digits(value_us / _US_PER_MS)} ms"
    return f"{_three_digits(value_us / US_PER_S)} s"


def count_text(value: float) -> str:
    """``12,345``."""
    return f"{value:,.0f}"


def rate_text(per_s: float) -> str:
    """``1,234``, ``45.6``, ``0.7``."""
    return count_text(per_s) if per_s >= 100 else f"{per_s:.1f}"


def value_text(value: float, unit: str) -> str:
    """A figure of a comparison with its unit: ``3.21 ms``, ``9.1 MB``, ``1,234 /s``, ``0.012 %``, ``12.3 s``."""
    match unit:
        case "µs":
            return latency_text(value)
        case "bytes":
            return bytes_text(value)
        case "messages/s":
            return f"{rate_text(value)} /s"
        case "%":
            return share_text(value, 100)
        case _:
            return f"{_three_digits(value)} {unit.removesuffix('/message')}"


def bytes_text(value: float) -> str:
    """``9.1 MB``, ``12.3 KB``; a megabyte is 2^20 bytes, as every process viewer has it."""
    if value < 2**20 - 512:
        return f"{_three_digits(value / 2**10)} KB" if value else "0 MB"
    megabytes = value / 2**20
    return f"{_three_digits(megabytes)} MB" if megabytes < 1024 else f"{_three_digits(megabytes / 1024)} GB"


def share_text(part: float, whole: float) -> str:
    """``0.012 %``; without a whole there is no share."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    return "0 %" if not part else f"{percent:.3g} %" if percent >= 0.001 else "< 0.001 %"


def chance_text(p_value: float) -> str:
    """``0.012``; what would round to nothing is ``< 0.001``, for no chance is none."""
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def span_text(value_s: float) -> str:
    """``12.3 s``, ``4 min 05 s``, ``2 h 05 min``."""
    if value_s < 60:
        return f"{value_s:.1f} s"
    minutes, seconds = divmod(round(value_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


def _three_digits(value: float) -> str:
    if value < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"
