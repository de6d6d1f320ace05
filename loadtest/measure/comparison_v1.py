"""The first format of ``comparison.json``, which knew two sides and percentiles, read as the present one."""

from __future__ import annotations

from typing import Any

import msgspec

_FINDINGS = {"slower": "worse", "faster": "better"}


def brought_forward(content: bytes) -> bytes:
    """A document of version 1 as one of version 2; anything else as it is, for others to judge."""
    try:
        old = msgspec.json.decode(content)
        if not isinstance(old, dict) or old.get("version") != 1 or old.get("format") != "loadtest-comparison":
            return content
        return msgspec.json.encode(_forward(old))
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return content  # damaged: told by whoever reads it


def _forward(old: dict[str, Any]) -> dict[str, Any]:
    sides = (old["baseline"], old["candidate"])
    names = [side["name"] for side in sides]
    if names[0] == names[1]:
        names[1] += " (2)"
    kept = ("format", "outcome", "text", "tolerance_percent", "error_rate_percent", "confidence_percent")
    return {name: old[name] for name in kept} | {
        "version": 2,
        "baseline": names[0],
        "arms": [side | {"name": name} for side, name in zip(sides, names, strict=True)],
        "differences": [
            {"what": each["what"], "values": {names[0]: each["baseline"], names[1]: each["candidate"]}}
            for each in old.get("differences", ())
        ],
        "figures": [_figure(each, *names) for each in old.get("figures", ())],
        "not_compared": old.get("not_compared", []),
    }


def _figure(old: dict[str, Any], baseline: str, candidate: str) -> dict[str, Any]:
    series = ("phase", "leg", "action", "percent")
    change = ("change_percent", "low_percent", "high_percent", "p_value", "repeats_needed")
    return {name: old[name] for name in series} | {
        "name": f"{old['leg'].replace('_', ' ')} {old['action']} p{old['percent']:g}",
        "quantity": "latency",
        "unit": "µs",
        "means": {baseline: old["baseline_us"], candidate: old["candidate_us"]},
        "changes": [
            {name: old.get(name) for name in change}
            | {
                "baseline": baseline,
                "candidate": candidate,
                "finding": _FINDINGS.get(old["finding"], old["finding"]),
            }
        ],
    }
