"""The Docker Compose files: their shape, since nothing here can run them."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadtest.brokers.emqx import wanted

FOLDER = Path(__file__).parents[3] / "docs" / "compose"
FILES = sorted(FOLDER.glob("*.yaml"))
SERVICE_KEYS = {"image", "environment", "ports", "volumes", "ulimits", "healthcheck"}
"""Those of the Compose Specification that are used here."""
HEALTHCHECK_KEYS = {"test", "interval", "timeout", "retries"}


def services(file: Path) -> Iterator[Mapping[str, Any]]:
    document = yaml.safe_load(file.read_text())
    assert document.keys() == {"name", "services"}
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", document["name"])
    assert document["services"]
    yield from document["services"].values()


def test_there_is_one_for_each_row_of_the_document() -> None:
    rows = re.findall(r"^\| \[(.+?)\]\(compose/\1\)", (FOLDER.parent / "compose.md").read_text(), re.MULTILINE)
    assert sorted(rows) == [file.name for file in FILES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_images_are_pinned_and_ports_on_loopback(file: Path) -> None:
    text = (FOLDER.parent / "compose.md").read_text()
    for service in services(file):
        assert service.keys() <= SERVICE_KEYS
        name, _, tag = service["image"].partition(":")
        assert re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", name)
        version = re.match(r"\d+\.\d+(\.\d+)?", tag)
        assert version, "a version, not latest"
        assert version[0] in text
        assert service["ports"]
        for port in service["ports"]:
            assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)
        assert all(isinstance(value, str) for value in service.get("environment", {}).values())
        assert isinstance(service["ulimits"]["nofile"], int)
        health = service.get("healthcheck", {"test": ["CMD"]})
        assert health.keys() <= HEALTHCHECK_KEYS
        assert health["test"][0] == "CMD"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_mounted_is_there_and_cannot_be_written(file: Path) -> None:
    for service in services(file):
        for volume in service.get("volumes", []):
            source, target, mode = volume.split(":")
            assert (FOLDER / source).is_file()
            assert target.startswith("/")
            assert mode == "ro"


def test_the_gateway_of_emqx_is_as_setup_would_have_it() -> None:
    text = (FOLDER / "emqx.hocon").read_text()
    listener = {name: value for name, value in wanted.listener(33033).items() if name not in ("type", "name")}
    for name, value in leaves({**wanted.GATEWAY, **listener}):
        if name != "name":
            assert re.search(rf"^ +{name} = {re.escape(json.dumps(value))}$", text, re.MULTILINE), name
    assert text.count("{") - text.count("${") == text.count("}") - text.count("${")


def leaves(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value)
        else:
            yield name, value


def test_the_configuration_of_hivemq_can_be_read() -> None:
    root = ET.parse(FOLDER / "hivemq.xml").getroot()
    assert root.tag == "hivemq"
    assert root.findtext("listeners/tcp-listener/port") == "1883"
