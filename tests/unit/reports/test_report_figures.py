from __future__ import annotations

import pytest

from loadtest.reports.figures import bytes_text, chance_text, count_text, latency_text, rate_text, share_text, span_text


@pytest.mark.parametrize(
    ("value_us", "text"),
    [
        (0, "0 µs"),
        (-35, "-35 µs"),
        (999, "999 µs"),
        (1_000, "1.00 ms"),
        (9_994, "9.99 ms"),
        (9_996, "10.0 ms"),
        (45_349, "45.3 ms"),
        (99_960, "100 ms"),
        (999_499, "999 ms"),
        (999_500, "1.00 s"),
        (60_000_000, "60.0 s"),
        (1_234_000_000, "1,234 s"),
    ],
)
def test_latencies_have_three_digits_and_the_unit_that_fits(value_us: int, text: str) -> None:
    assert latency_text(value_us) == text


def test_other_figures() -> None:
    assert count_text(1234567) == "1,234,567"
    assert (rate_text(1234.4), rate_text(99.94), rate_text(0.06)) == ("1,234", "99.9", "0.1")
    assert (bytes_text(9 * 2**20), bytes_text(120 * 2**20), bytes_text(3 * 2**30)) == ("9.00 MB", "120 MB", "3.00 GB")
    assert (bytes_text(0), bytes_text(50), bytes_text(12.3 * 2**10)) == ("0 MB", "0.05 KB", "12.3 KB")
    assert (bytes_text(2**20 - 513), bytes_text(2**20 - 512)) == ("1,023 KB", "1.00 MB")
    assert (share_text(0, 10), share_text(1, 800), share_text(1, 10**7)) == ("0 %", "0.125 %", "< 0.001 %")
    assert share_text(1, 0) == "–"
    assert [chance_text(p) for p in (1.0, 0.0496, 0.001, 0.00099)] == ["1.000", "0.050", "0.001", "< 0.001"]
    assert (span_text(12.34), span_text(245), span_text(7500)) == ("12.3 s", "4 min 05 s", "2 h 05 min")
