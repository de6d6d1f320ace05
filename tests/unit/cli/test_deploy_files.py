"""The Dockerfile, Compose file and Kubernetes manifests: held against all that is there without any of these."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml

from loadtest.brokers.mosquitto import Mosquitto
from loadtest.cli.main import loadtest
from loadtest.scenario.secret_settings import SECRETS
from loadtest.scenario.settings_table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "deploy"
IMAGE = "loadtest:0.1.0"
MANIFESTS = ("system.yaml", "web.yaml", "job.yaml")
NO_MORE_RIGHTS = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
LOCUST_OPTIONS = {"-f", "--worker", "--master", "--master-host", "--expect-workers", "--expect-workers-max-wait"}


def objects(*files: str) -> list[dict[str, Any]]:
    return [each for file in files for each in yaml.safe_load_all((FOLDER / file).read_text()) if each]


def pods(*files: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each object that makes pods, with what a pod of it is."""
    for each in objects(*files):
        if each["kind"] in ("Deployment", "Job"):
            yield each, each["spec"]["template"]


def commands() -> list[list[str]]:
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"].values()
    found = [service["command"] for service in compose]
    return found + [container["command"] for _, pod in pods(*MANIFESTS) for container in pod["spec"]["containers"]]


def option_of(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


@pytest.mark.parametrize("command", commands(), ids=shlex.join)
def test_every_command_has_options_there_are(command: list[str]) -> None:
    program, *words = command
    known = set(LOCUST_OPTIONS)
    if program == "loadtest":
        asked = loadtest.get_command(click.Context(loadtest), words[0])
        assert asked is not None
        known |= {option for parameter in asked.params for option in parameter.opts}
        if words[0] in ("run", "web"):
            assert (ROOT / "scenarios" / f"{words[1]}.py").exists()
    elif program == "locust":
        assert (ROOT / words[words.index("-f") + 1]).exists()
    else:
        assert command == ["mosquitto", "-c", "/etc/loadtest/mosquitto.conf"]
        return
    assert {option_of(word)[0] for word in words if word.startswith("-")} <= known


def test_a_master_waits_for_exactly_the_workers_there_are() -> None:
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    assert f"--expect-workers={compose['worker']['deploy']['replicas']}" in compose["master"]["command"]
    for file, key in (("web.yaml", "replicas"), ("job.yaml", "parallelism")):
        by_name = {each["metadata"]["name"]: (each, pod) for each, pod in pods(file)}
        workers = by_name["loadtest-worker"][0]["spec"][key]
        assert f"--expect-workers={workers}" in by_name["loadtest-master"][1]["spec"]["containers"][0]["command"]


def test_one_image_that_the_documents_build() -> None:
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    images = {service["image"] for service in compose["services"].values()}
    images |= {container["image"] for _, pod in pods(*MANIFESTS) for container in pod["spec"]["containers"]}
    assert images == {IMAGE}
    assert IMAGE in (FOLDER / "Dockerfile").read_text()
    assert IMAGE in (ROOT / "docs" / "deploy.md").read_text()


def test_what_compose_names_is_there() -> None:
    compose = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    services = compose["services"]
    for service in services.values():
        assert set(service.get("depends_on", [])) <= services.keys()
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= compose["volumes"].keys()
    hosts = re.findall(r"(?:ws|mqtt)://([a-z]+):", (FOLDER / "compose.yaml").read_text())
    assert set(hosts) <= services.keys()
    build = services["master"]["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).exists()


@pytest.mark.parametrize("file", ["web.yaml", "job.yaml"])
def test_services_lead_to_pods_and_urls_to_services(file: str) -> None:
    """Applied together with the system to be tested, as the document has it."""
    together = ("system.yaml", file)
    ports: dict[str, set[int]] = {}
    for service in (each for each in objects(*together) if each["kind"] == "Service"):
        chosen = [pod for _, pod in pods(*together) if service["spec"]["selector"] == pod["metadata"]["labels"]]
        assert len(chosen) == 1, service["metadata"]["name"]
        named = {port["name"]: port["containerPort"] for port in chosen[0]["spec"]["containers"][0]["ports"]}
        for port in service["spec"]["ports"]:
            assert named[port["targetPort"]] == port["port"]
        ports[service["metadata"]["name"]] = set(named.values())
    text = "".join((FOLDER / name).read_text() for name in together)
    urls = re.findall(r"(?:ws|mqtt)://([a-z-]+):(\d+)", text)
    assert urls
    assert all(int(port) in ports[host] for host, port in urls)
    assert set(re.findall(r"--master-host=(\S+)", text)) <= ports.keys()


def test_pods_run_with_no_more_rights_than_they_need() -> None:
    for owner, pod in pods(*MANIFESTS):
        spec = pod["spec"]
        assert owner["metadata"]["labels"] == pod["metadata"]["labels"]
        if owner["kind"] == "Deployment":
            assert owner["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert f"USER {spec['securityContext']['runAsUser']}" in (FOLDER / "Dockerfile").read_text()
        assert spec["automountServiceAccountToken"] is False
        claims = {volume["name"] for volume in spec.get("volumes", [])}
        for container in spec["containers"]:
            assert container["securityContext"] == NO_MORE_RIGHTS
            assert {mount["name"] for mount in container.get("volumeMounts", [])} == claims


def test_kubernetes_puts_no_variables_of_its_own_among_our_settings() -> None:
    """For a Service ``loadtest-gateway`` it would set LOADTEST_GATEWAY_PORT in every pod, which may be a setting."""
    assert all(pod["spec"]["enableServiceLinks"] is False for _, pod in pods(*MANIFESTS))
    assert all(setting.variable.startswith("LOADTEST_") for setting in (*SETTINGS, *SECRETS))


@pytest.mark.parametrize("file", MANIFESTS)
def test_manifests_fit_the_schemas_of_kubernetes(file: str) -> None:
    try:
        kubernetes_validate = importlib.import_module("kubernetes_validate")
    except ModuleNotFoundError:
        pytest.skip("kubernetes-validate, which carries the schemas, is not installed")
    for each in objects(file):
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)


def test_mosquitto_is_configured_as_runs_have_it() -> None:
    lines = [line for line in (FOLDER / "mosquitto.conf").read_text().splitlines() if not line.startswith("#")]
    settings = dict(line.split(" ", 1) for line in lines)
    assert settings.pop("listener") == "1883"
    assert settings == Mosquitto.tuned
