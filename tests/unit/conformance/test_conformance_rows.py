"""The catalogue, its document, and what a real EMQX was seen to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadtest.conformance import catalogue
from loadtest.errors import UsageError

DOCUMENT = Path(__file__).parents[3] / "docs" / "conformance.md"
IDS = {row.id for row in catalogue.ROWS}

OBSERVED: dict[str, tuple[str, ...]] = {
    # payloads
    "JSON decoded and encoded again: numbers by value, integers of any size, UTF-8": (
        "upstream.values",
        "downstream.values",
    ),
    "CALL up: topic, keys": ("upstream.call",),
    "published with QoS 2": ("upstream.qos",),
    "published not retained": ("upstream.not-retained",),
    "published without MQTT 5 properties": ("upstream.no-properties",),
    "CALLRESULT down": ("downstream.call-result",),
    "CALL down": ("downstream.call",),
    "CALLRESULT up: topic, no Action": ("upstream.call-result",),
    "CALLERROR up: topic, details dropped": ("upstream.call-error",),
    "CALLERROR down: details emptied": ("downstream.call-error",),
    "CALLs pipelined either way": ("upstream.pipelined", "downstream.pipelined"),
    "nothing correlated or limited": ("downstream.uncorrelated", "upstream.call-result"),
    "CALLRESULT for an unknown id passes": ("downstream.call-result",),
    "further keys ignored": ("downstream.call", "downstream.call-result", "downstream.call-error"),
    "no JSON downstream: dropped, the connection stays": ("downstream.malformed",),
    "CALL to an absent charge point lost": ("downstream.offline",),
    # handshake
    "no subprotocol: 400": ("handshake.no-subprotocol",),
    "only ocpp2.0.1: 400": ("handshake.unsupported-subprotocol",),
    "ocpp2.0.1, ocpp1.6: 101 with ocpp1.6": ("handshake.several-subprotocols",),
    "only ocpp2.0: 500": ("handshake.ocpp20-only",),
    "path without an id: 500": ("handshake.id-absent",),
    "empty id: 400": ("handshake.id-empty",),
    "two segments: 400": ("handshake.id-with-slash",),
    "encoded blank: 101, blank in the topic": ("handshake.id-percent-encoded",),
    "other path: 404": ("handshake.other-path",),
    "credentials without authenticator accepted": ("handshake.needless-credentials",),
    # life
    "second connection wins, the first is dropped": ("life.duplicate-id",),
    "silence after Boot: dropped at 2 x interval": ("life.silence",),
    "pings answered, but no life": ("life.pings-are-no-life", "frames.ping"),
    "bad JSON dropped in silence": ("frames.bad-json",),
    "wrong arity dropped in silence": ("frames.wrong-arity",),
    "unknown message type dropped in silence": ("frames.unknown-type",),
    "binary frame ends TCP without a Close frame": ("frames.binary",),
    "checking: missing property dropped": ("checking.missing-property",),
    "checking: further property dropped": ("checking.further-property",),
    "checking: unknown action dropped": ("checking.unknown-action",),
    "checking: invalid backend CALL delivered": ("checking.downstream-unchecked",),
}
"""What was observed on EMQX 5.9.3, and the rows that hold a gateway to it."""


def test_every_observation_has_its_rows() -> None:
    assert {row for rows in OBSERVED.values() for row in rows} - IDS == set()


def test_the_document_names_the_rows_of_every_observation() -> None:
    """Table "seen": an observation on the left, its rows on the right."""
    seen = DOCUMENT.read_text().split("## What a real EMQX was seen to do")[1].split("\n## ")[0]
    rows = [tuple(re.findall(r"`([a-z]+\.[a-z0-9-]+)`", line)) for line in seen.splitlines() if line.startswith("| ")]
    documented = [row for row in rows if row]
    assert sorted(documented) == sorted(OBSERVED.values())


def test_the_document_states_every_rule_in_its_section() -> None:
    contract = DOCUMENT.read_text().split("## The contract")[1]
    stated: list[tuple[str, str, str]] = []
    for part in contract.split("\n### ")[1:]:
        section = part.split()[0]
        for row_id, rule in re.findall(r"^\| `([a-z]+\.[a-z0-9-]+)` \| (.*) \|$", part, re.MULTILINE):
            stated.append((section, row_id, rule))
    assert sorted(stated) == sorted((row.section, row.id, row.title) for row in catalogue.ROWS)


def test_ids_are_unique_and_titles_are_sentences() -> None:
    assert len(IDS) == len(catalogue.ROWS)
    for row in catalogue.ROWS:
        assert re.fullmatch(r"[a-z]+\.[a-z0-9-]+", row.id)
        assert row.title[0].isupper() or row.title[0].isdigit()
        assert not row.title.endswith(".")


def test_rows_are_selected_by_glob_in_the_catalogues_order() -> None:
    assert [row.id for row in catalogue.select(["life.s*", "frames.p*"])] == ["frames.ping", "life.silence"]
    assert tuple(catalogue.select([])) == catalogue.ROWS


def test_patterns_that_fit_nothing_are_all_named() -> None:
    with pytest.raises(UsageError) as caught:
        catalogue.select(["frames.*", "nothing.*", "typo"])
    assert len(caught.value.faults) == 2
