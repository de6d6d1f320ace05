"""Conformance rows: green on our gateway and on one that shares no code with it, red over every flaw."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import ssl
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from flawed_gateway import FlawedGateway
from mosquitto_process import MosquittoProcess
from servers import free_port

from loadtest.conformance import catalogue
from loadtest.conformance.findings import Verdict
from loadtest.conformance.run import run
from loadtest.conformance.target import Credentials, Target, gateway_address, topics
from loadtest.gateway import passwords
from loadtest.runner.embedded_gateway import AS_EMQX, embedded_gateway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from loadtest.conformance.findings import Finding

pytestmark = pytest.mark.integration

IDLE_TIMEOUT_S = 3.0
USER, PASSWORD = "anyone", "secret"

FLAWS: dict[str, str] = {
    "handshake.accepted": "no subprotocol selected",
    "handshake.no-subprotocol": "no subprotocol needed",
    "handshake.unsupported-subprotocol": "any subprotocol",
    "handshake.several-subprotocols": "only the first offer",
    "handshake.ocpp20-only": "any subprotocol",
    "handshake.ocpp20-first": "only the first offer",
    "handshake.id-empty": "empty ids",
    "handshake.id-absent": "empty ids",
    "handshake.id-with-slash": "any id",
    "handshake.id-with-forbidden-character": "any id",
    "handshake.id-with-plus": "any id",
    "handshake.bad-percent-encoding": "any id",
    "handshake.id-percent-encoded": "ids not decoded",
    "handshake.id-long": "short ids only",
    "handshake.query-ignored": "query in the id",
    "handshake.other-path": "any path",
    "handshake.not-an-upgrade": "plain requests are bad",
    "handshake.compression-offered": "odd compression",
    "handshake.needless-credentials": "nobody is known",
    "handshake.wrong-password": "everybody is known",
    "handshake.no-credentials": "everybody is known",
    "frames.bad-json": "answers bad frames",
    "frames.wrong-arity": "closes on bad frames",
    "frames.call-error-without-details": "short call errors",
    "frames.unknown-type": "closes on bad frames",
    "frames.no-array": "answers bad frames",
    "frames.array-in-string": "closes on strings",
    "frames.empty-text": "answers empty frames",
    "frames.binary": "takes binary frames",
    "frames.ping": "no pong",
    "frames.fragmented": "fragments alone",
    "frames.large": "small messages only",
    "frames.unmasked": "fails with 1011",
    "frames.reserved-bit": "fails with 1011",
    "frames.invalid-utf8": "fails with 1011",
    "frames.close-echoed": "closes with 1000 only",
    "upstream.call": "further key",
    "upstream.call-result": "action in results",
    "upstream.call-error": "keeps details",
    "upstream.values": "numbers are floats",
    "upstream.long-unique-id": "short unique ids only",
    "upstream.untyped": "checks types",
    "upstream.unknown-action": "known actions only",
    "upstream.security-action": "known actions only",
    "upstream.pipelined": "swaps",
    "upstream.qos": "QoS 0",
    "upstream.not-retained": "retains",
    "upstream.no-properties": "properties",
    "downstream.call": "no further keys",
    "downstream.call-result": "correlates",
    "downstream.call-error": "keeps details",
    "downstream.values": "numbers are floats",
    "downstream.malformed": "half messages",
    "downstream.uncorrelated": "one at a time",
    "downstream.pipelined": "one at a time",
    "downstream.offline": "stores for later",
    "downstream.subscription-live": "subscribes late",
    "downstream.any-qos": "QoS 2 twice",
    "downstream.only-addressee": "broadcasts",
    "downstream.sequential": "dies after ten frames",
    "downstream.burst": "short queue",
    "life.duplicate-id": "both stay",
    "life.reconnect": "ids rest for a second",
    "life.silence": "patient",
    "life.pings-are-no-life": "pings are life",
    "life.traffic-is-life": "text is nothing",
    "life.interval-zero": "zero is nothing",
    "life.pending-changes-nothing": "pending counts",
    "life.pending-shortens-nothing": "pending counts",
    "life.any-accepted-result": "no watch over silence",
    "life.odd-interval": "odd intervals dropped",
    "life.idle-timeout": "no idle timeout",
    "life.pings-against-idle-timeout": "pings are nothing",
    "checking.missing-property": "checks nothing",
    "checking.further-property": "checks nothing",
    "checking.unknown-action": "checks nothing",
    "checking.answers-unchecked": "drops answers",
    "checking.downstream-unchecked": "checks downstream",
}
"""For each row something a gateway may do wrong."""

DEVIATIONS: dict[str, tuple[str, str]] = {
    "no close frame": ("frames.unmasked", "RFC 6455"),
    "strings unwrapped": ("frames.array-in-string", "EMQX"),
    "concatenates": ("downstream.pipelined", "piggyback=single"),
    "crashes like EMQX": ("handshake.ocpp20-only", "500"),
}


def target_of(gateway_url: str, broker_url: str, **options: Any) -> Target:
    return Target(gateway=gateway_address(gateway_url)[0], broker=broker_url, **options)


def options_for(row_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """How stub and target must be set up for a row to apply."""
    if row_id in ("handshake.wrong-password", "handshake.no-credentials"):
        return {"credentials": (USER, PASSWORD)}, {"credentials": Credentials(USER, PASSWORD)}
    if row_id.startswith("checking."):
        return {"checking": True}, {"checking": True}
    if "idle-timeout" in row_id:
        return {"idle_timeout_s": IDLE_TIMEOUT_S}, {"idle_timeout_s": IDLE_TIMEOUT_S, "slow": True}
    return {}, {}


async def hold(broker_url: str, row_id: str, *flaws: str, patience_s: float = 5.0) -> Finding:
    of_stub, of_target = options_for(row_id)
    async with FlawedGateway(broker_url, *flaws, **of_stub) as gateway:
        target = target_of(gateway.url, broker_url, patience_s=patience_s, **of_target)
        (result,) = await run(target, catalogue.select([row_id]))
    return result.finding


async def hold_all(broker_url: str, cases: Sequence[tuple[str, ...]], patience_s: float) -> dict[str, Finding]:
    """Each row against a gateway of its own, several at a time."""
    turns = asyncio.Semaphore(8)

    async def one(case: tuple[str, ...]) -> Finding:
        async with turns:
            return await hold(broker_url, *case, patience_s=patience_s)

    findings = await asyncio.gather(*(one(case) for case in cases))
    return {case[0]: finding for case, finding in zip(cases, findings, strict=True)}


def verdicts(findings: dict[str, Finding]) -> dict[str, tuple[Verdict, str]]:
    return {row_id: (finding.verdict, finding.observed) for row_id, finding in findings.items()}


def not_(verdict: Verdict, findings: dict[str, Finding]) -> dict[str, tuple[Verdict, str]]:
    return {row_id: found for row_id, found in verdicts(findings).items() if found[0] is not verdict}


def test_every_row_passes_on_ours(mosquitto_url: str) -> None:
    async def hold_ours() -> dict[str, Finding]:
        async with embedded_gateway(broker=mosquitto_url) as ends:
            results = await run(target_of(ends.gateway, ends.broker), catalogue.ROWS)
        return {result.row.id: result.finding for result in results if result.finding.verdict is not Verdict.SKIPPED}

    findings = asyncio.run(hold_ours())
    assert not_(Verdict.PASSED, findings) == {}
    assert len(findings) >= 60


def test_the_idle_timeout_rows_pass_on_ours(mosquitto_url: str) -> None:
    async def hold_ours() -> dict[str, Finding]:
        async with embedded_gateway(
            broker=mosquitto_url, request=replace(AS_EMQX, switches={"idle_timeout_s": IDLE_TIMEOUT_S})
        ) as ends:
            target = target_of(ends.gateway, ends.broker, idle_timeout_s=IDLE_TIMEOUT_S, slow=True)
            results = await run(target, catalogue.select(["life.*idle-timeout"]))
        return {result.row.id: result.finding for result in results}

    findings = asyncio.run(hold_ours())
    assert len(findings) == 2
    assert not_(Verdict.PASSED, findings) == {}


SWITCHES: dict[str, tuple[dict[str, Any], str, Verdict]] = {
    "one frame for several messages": ({"piggyback": "single"}, "downstream.burst", Verdict.DEVIATING),
    "no subprotocol needed": ({"fail_if_no_subprotocol": False}, "handshake.no-subprotocol", Verdict.DEVIATING),
    "QoS 1": ({"qos": 1}, "upstream.qos", Verdict.DEVIATING),
    "CALLERROR on invalid": (
        {"call_error_on_invalid": True, "message_format_checking": "upstream_only"},
        "checking.missing-property",
        Verdict.FAILED,
    ),
    "closes on bad JSON": ({"close_on_invalid_json": True}, "frames.bad-json", Verdict.FAILED),
    "strict": ({"strict": True}, "downstream.pipelined", Verdict.FAILED),
    "another mountpoint": ({"mountpoint": "else/"}, "upstream.call", Verdict.FAILED),
    "no watch over silence": ({"default_heartbeat_interval_s": 0}, "life.silence", Verdict.FAILED),
}


def test_switches_of_ours_that_leave_the_contract_are_seen(mosquitto_url: str) -> None:
    async def hold_one(switches: dict[str, Any], row_id: str) -> Verdict:
        async with embedded_gateway(broker=mosquitto_url, request=replace(AS_EMQX, switches=switches)) as ends:
            checking = row_id.startswith("checking.")
            target = target_of(ends.gateway, ends.broker, patience_s=2.0, checking=checking)
            return (await run(target, catalogue.select([row_id])))[0].finding.verdict

    async def hold_each() -> list[Verdict]:
        return await asyncio.gather(*(hold_one(switches, row_id) for switches, row_id, _ in SWITCHES.values()))

    found = dict(zip(SWITCHES, asyncio.run(hold_each()), strict=True))
    assert found == {name: verdict for name, (_, _, verdict) in SWITCHES.items()}


def test_ours_with_tls_and_passwords(mosquitto_url: str, tmp_path: Path) -> None:
    authority, client = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(client)
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "gateway.pem")
    key = "0123456789abcdef"
    (tmp_path / "passwords").write_text(passwords.entry(USER, key.encode()) + "\n")
    request = replace(
        AS_EMQX,
        host="localhost",
        switches={
            "tls_certificate": str(tmp_path / "gateway.pem"),
            "password_file": str(tmp_path / "passwords"),
            "check_identity": False,
        },
    )

    async def hold_ours() -> dict[str, Finding]:
        async with embedded_gateway(broker=mosquitto_url, request=request) as ends:
            target = target_of(ends.gateway, ends.broker, tls=client, credentials=Credentials(USER, key))
            rows = catalogue.select(["handshake.*", "frames.*", "life.duplicate-id"])
            results = await run(target, rows)
        return {result.row.id: result.finding for result in results}

    findings = asyncio.run(hold_ours())
    skipped = not_(Verdict.PASSED, findings)
    assert skipped == {"handshake.needless-credentials": (Verdict.SKIPPED, "the gateway asks for credentials")}


def test_every_row_has_its_flaw() -> None:
    assert set(FLAWS) == {row.id for row in catalogue.ROWS}


@pytest.mark.parametrize("theme", [theme.name for theme in catalogue.THEMES])
def test_a_flawless_gateway_passes_and_each_flaw_fails_its_row(mosquitto_url: str, theme: str) -> None:
    rows = [row_id for row_id in FLAWS if row_id.startswith(f"{theme}.")]

    async def both() -> tuple[dict[str, Finding], dict[str, Finding]]:
        return await asyncio.gather(
            hold_all(mosquitto_url, [(row_id,) for row_id in rows], 5.0),
            hold_all(mosquitto_url, [(row_id, FLAWS[row_id]) for row_id in rows], 1.0),
        )

    flawless, flawed = asyncio.run(both())
    assert not_(Verdict.PASSED, flawless) == {}
    assert not_(Verdict.FAILED, flawed) == {}
    # A row that failed for a fault of the instrument would prove nothing.
    assert [found for _, found in verdicts(flawed).values() if "Error:" in found or "not finished" in found] == []


@pytest.mark.parametrize("flaw", DEVIATIONS)
def test_known_quirks_deviate_and_do_not_fail(mosquitto_url: str, flaw: str) -> None:
    row_id, name = DEVIATIONS[flaw]
    finding = asyncio.run(hold(mosquitto_url, row_id, flaw))
    assert finding.verdict is Verdict.DEVIATING, finding
    assert name in finding.deviation


def test_a_gateway_that_publishes_with_qos_1_deviates(mosquitto_url: str) -> None:
    async def hold_it() -> Finding:
        async with FlawedGateway(mosquitto_url, qos=1) as gateway:
            results = await run(target_of(gateway.url, mosquitto_url), catalogue.select(["upstream.qos"]))
        return results[0].finding

    finding = asyncio.run(hold_it())
    assert (finding.verdict, "QoS 2" in finding.deviation) == (Verdict.DEVIATING, True)


def test_rows_over_tls(mosquitto_url: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)

    async def hold_it() -> list[Verdict]:
        async with FlawedGateway(mosquitto_url, tls=server) as gateway:
            rows = catalogue.select(["handshake.accepted", "frames.unmasked", "upstream.call"])
            found: list[Verdict] = []
            for trusted in (False, True):
                if trusted:
                    authority.configure_trust(client)
                results = await run(target_of(gateway.url, mosquitto_url, tls=client), rows)
                found += [result.finding.verdict for result in results]
        return found

    assert asyncio.run(hold_it()) == [Verdict.FAILED] * 3 + [Verdict.PASSED] * 3


def test_a_certificate_that_is_not_trusted_is_told(mosquitto_url: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async def hold_it() -> list[tuple[int, str, str]]:
        async with FlawedGateway(mosquitto_url, tls=server) as gateway:
            arguments = ["--gateway", gateway.url, "--broker", mosquitto_url, "--only", "frames.ping"]
            return [await command(*arguments), await command(*arguments, "--ca-file", str(tmp_path / "ca.pem"))]

    (code, _, err), trusted = asyncio.run(hold_it())
    assert code == 2
    assert "certificate is not trusted" in err
    assert "--ca-file" in err
    assert trusted[0] == 0, trusted


def test_other_topics(mosquitto_url: str) -> None:
    """With the default ones a gateway configured otherwise fails, and the other way round."""

    async def hold_it() -> Verdict:
        async with FlawedGateway(mosquitto_url) as gateway:
            target = target_of(gateway.url, mosquitto_url, patience_s=0.5, topics=topics("else/"))
            return (await run(target, catalogue.select(["upstream.call"])))[0].finding.verdict

    assert asyncio.run(hold_it()) is Verdict.FAILED


# -- hostile and hung gateways ---------------------------------------------------------------------------------------


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def leaves_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def talks_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(secrets.token_bytes(500) + b"\r\n\r\n")


async def never_stops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 400 no\r\n" + b"x" * 4096)
        await writer.drain()


@pytest.mark.parametrize("server", [says_nothing, leaves_at_once, talks_nonsense, never_stops])
def test_rows_survive_a_gateway_that_is_none(
    mosquitto_url: str, server: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await server(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    async def hold_it() -> dict[str, Finding]:
        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        target = target_of(f"ws://127.0.0.1:{port}/ocpp", mosquitto_url, patience_s=0.3)
        results = await run(target, catalogue.ROWS)
        listening.close()
        return {result.row.id: result.finding for result in results if result.finding.verdict is not Verdict.SKIPPED}

    began = time.monotonic()
    findings = asyncio.run(hold_it())
    assert not_(Verdict.FAILED, findings) == {}
    assert [finding.observed for finding in findings.values() if "Error:" in finding.observed] == []
    assert time.monotonic() - began < 60


def test_rows_survive_a_broker_that_is_none() -> None:
    async def hold_it() -> list[Finding]:
        target = target_of("ws://127.0.0.1:9/ocpp", f"mqtt://127.0.0.1:{free_port()}", patience_s=0.3)
        return [result.finding for result in await run(target, catalogue.select(["upstream.*", "downstream.call"]))]

    findings = asyncio.run(hold_it())
    assert {finding.verdict for finding in findings} == {Verdict.FAILED}


# -- the command -----------------------------------------------------------------------------------------------------


async def command(*arguments: str, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "loadtest",
        "conformance",
        *arguments,
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def test_ours_is_configured_as_the_options_say() -> None:
    arguments = [
        "--checking",
        "--mountpoint",
        "x/",
        "--call-topic",
        "up/${action}/${cid}",
        "--reply-topic",
        "${cid}/r/${type}",
    ]
    arguments += ["--downstream-topic", "to/${cid}"]
    code, out, err = asyncio.run(
        command(*arguments, "--only", "checking.*", "--only", "upstream.c*", "--only", "downstream.c*")
    )
    assert code == 0, out + err
    assert out.splitlines()[-1] == "11 passed"
    assert "published on x/up/BootNotification/" in out


def test_the_command_starts_what_is_not_given(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    code, out, _ = asyncio.run(command("--only", "upstream.*", "--only", "frames.ping", "--json", str(file)))
    assert code == 0, out
    result = json.loads(file.read_text())
    assert result["schema"] == 1
    assert result["gateway"]["embedded"] is True
    assert result["totals"] == {"passed": 13, "deviating": 0, "failed": 0, "skipped": 0}
    assert {"id": "frames.ping", "verdict": "passed", "section": "1.3"}.items() <= result["rows"][0].items()
    assert "13 passed" in out


def test_a_failed_row_is_exit_1_and_says_what_was_seen(mosquitto_url: str, tmp_path: Path) -> None:
    file = tmp_path / "result.json"

    async def hold_it() -> tuple[int, str, str]:
        async with FlawedGateway(
            mosquitto_url, "takes binary frames", "strings unwrapped", credentials=(USER, PASSWORD)
        ) as stub:
            url = stub.url.replace("//", f"//{USER}:{PASSWORD}@")
            arguments = ["--gateway", url, "--broker", mosquitto_url, "--only", "frames.b*", "--only", "frames.array*"]
            return await command(*arguments, "--patience", "1", "--json", str(file))

    code, out, err = asyncio.run(hold_it())
    assert code == 1, out + err
    assert "Observed: the connection stays" in " ".join(out.split())
    assert "EMQX takes a JSON string" in out
    assert json.loads(file.read_text())["totals"] == {"passed": 1, "deviating": 1, "failed": 1, "skipped": 0}
    assert PASSWORD not in out + err + file.read_text()


def test_the_password_comes_from_the_environment(mosquitto_url: str) -> None:
    async def hold_it() -> list[tuple[int, str, str]]:
        async with FlawedGateway(mosquitto_url, credentials=(USER, PASSWORD)) as stub:
            arguments = ["--gateway", stub.url, "--broker", mosquitto_url, "--only", "handshake.*credentials"]
            return [
                await command(*arguments, "--user", USER, LOADTEST_GATEWAY_PASSWORD=PASSWORD),
                await command(*arguments, "--user", USER, LOADTEST_GATEWAY_PASSWORD="wrong"),
                await command(*arguments, "--user", USER),
            ]

    right, wrong, missing = asyncio.run(hold_it())
    assert right[0] == 0, right
    assert wrong[0] == 2
    assert "answered with 400" in wrong[2]
    assert missing[0] == 2
    assert "LOADTEST_GATEWAY_PASSWORD" in missing[2]


def test_unusable_urls_are_exit_2_with_every_fault() -> None:
    gateway, broker = f"ws://127.0.0.1:{free_port()}/ocpp", f"mqtt://127.0.0.1:{free_port()}"
    code, out, err = asyncio.run(command("--gateway", gateway, "--broker", broker))
    assert (code, out) == (2, "")
    assert err.count("error:") == 2
    assert "Traceback" not in err
    arguments = ("--gateway", "http://x", "--broker", "amqp://y", "--downstream-topic", "cs/#", "--user", "x")
    code, out, err = asyncio.run(command(*arguments, "--ca-file", "/nowhere/ca.pem", "--json", "conformance.json"))
    assert (code, out) == (2, "")
    assert [fault in err for fault in ("--gateway:", "--broker:", "--downstream-topic:", "--user:", "ca.pem")] == [
        True
    ] * 5


def test_where_nothing_passes_the_likely_cause_is_told_instead_of_52_failed_rows(
    mosquitto_url: str, tmp_path: Path
) -> None:
    async def told(gateway: str, *options: str) -> str:
        arguments = ("--gateway", gateway, "--broker", mosquitto_url, "--patience", "2")
        code, out, err = await command(*arguments, *options)
        assert (code, out) == (2, ""), err
        return err

    async def hold_it() -> tuple[str, str, str]:
        with MosquittoProcess(tmp_path) as other:
            async with FlawedGateway(mosquitto_url) as stub:
                return await asyncio.gather(
                    told(stub.url, "--mountpoint", "other/"),
                    told(stub.url, "--downstream-topic", "to/${cid}"),
                    told(stub.url, "--broker", other.url),
                )

    elsewhere, deaf, nowhere = asyncio.run(hold_it())
    assert "publishes what charge points send on 'ocpp/cp/conformance-preflight-" in elsewhere
    assert "--mountpoint" in elsewhere
    assert "does not reach the charge point" in deaf
    assert "--downstream-topic" in deaf
    assert "is --broker the one that gateway is connected to?" in nowhere


def test_results_have_to_have_a_place(tmp_path: Path) -> None:
    code, out, err = asyncio.run(command("--only", "frames.ping", "--json", str(tmp_path / "nowhere" / "a.json")))
    assert (code, out) == (2, "")
    assert "--json" in err


def test_rows_are_listed_without_a_gateway() -> None:
    code, out, _ = asyncio.run(command("--list", "--only", "life.*"))
    assert code == 0
    assert "life.idle-timeout" in out
    assert "(slow: --slow)" in out
    assert "frames." not in out
