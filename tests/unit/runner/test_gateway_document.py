"""docs/gateway.md lists what there is: every switch with its default, every metric."""

from __future__ import annotations

import re
from pathlib import Path

from loadtest.runner.gateway_config import SWITCHES, resolved
from loadtest.runner.gateway_metrics import FAMILIES

DOCUMENT = (Path(__file__).parents[3] / "docs" / "gateway.md").read_text()
SWITCH_TABLE = DOCUMENT[DOCUMENT.index("## Switches") : DOCUMENT.index("**Strict mode.**")]


def test_every_switch_is_listed_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", SWITCH_TABLE, re.MULTILINE))
    elsewhere = set(re.findall(r"`(\w+)`", re.findall(r"^\| (`password_file`.*?) \|", DOCUMENT, re.MULTILINE)[0]))
    assert set(rows) | elsewhere == SWITCHES
    told = {name: text.strip(" `") for name, text in rows.items()}
    for name, default in resolved({"port": 1, "broker_url": "mqtt://localhost"}).items():
        if isinstance(default, (bool, str)) and name in told:
            assert told[name] == str(default).replace("True", "true").replace("False", "false"), name
        elif isinstance(default, (int, float)) and name in told:
            assert float(told[name]) == default, name


def test_every_metric_is_listed() -> None:
    assert [family.name for family in FAMILIES if f"`{family.name}_total`" not in DOCUMENT] == []
