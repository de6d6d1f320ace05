"""A backend of one's own: the documented example, a real gateway, Mosquitto, and somebody else's charge point."""

from __future__ import annotations

import asyncio
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ocpp.exceptions import InternalError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from scenario_copies import unhurried
from servers import free_port
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from loadtest.csms.backend import Backend, CallRefusedError
from loadtest.errors import EnvironmentNotReady, UsageError
from loadtest.measure import run_record
from loadtest.testing.controlled_child import ControlledChild

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.integration

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "backend.py"


class LibraryChargePoint(ChargePoint):  # type: ignore[misc]  # the library is untyped
    """A charge point of somebody else's making."""

    asked_at_once = most_asked_at_once = 0

    @on("GetConfiguration")  # type: ignore[untyped-decorator]
    async def on_get_configuration(self, **_: Any) -> call_result.GetConfiguration:
        self.asked_at_once += 1
        self.most_asked_at_once = max(self.most_asked_at_once, self.asked_at_once)
        await asyncio.sleep(0.02)
        self.asked_at_once -= 1
        return call_result.GetConfiguration(
            configuration_key=[{"key": "NumberOfConnectors", "readonly": True, "value": "3"}]
        )

    @on("Reset")  # type: ignore[untyped-decorator]
    async def on_reset(self, **_: Any) -> call_result.Reset:
        await asyncio.sleep(30)
        return call_result.Reset(status="Accepted")


@pytest.fixture
def gateway_url(mosquitto_url: str) -> Iterator[str]:
    port = free_port()
    with ControlledChild("loadtest.gateway") as child:
        child.configure({"port": port, "broker_url": mosquitto_url, "idle_timeout_s": 0})
        yield f"ws://127.0.0.1:{port}/ocpp"


async def charge_point(gateway_url: str) -> AsyncIterator[LibraryChargePoint]:
    async with connect(f"{gateway_url}/CP%201", subprotocols=[Subprotocol("ocpp1.6")]) as websocket:
        one = LibraryChargePoint("CP 1", websocket)
        receiving = asyncio.create_task(one.start())
        yield one
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)


def test_the_documented_example(mosquitto_url: str, gateway_url: str) -> None:
    backend: Backend = runpy.run_path(str(EXAMPLE))["make_backend"](mosquitto_url)

    async def main() -> None:
        async with backend:
            async for one in charge_point(gateway_url):
                boot = await one.call(call.BootNotification(charge_point_model="M", charge_point_vendor="V"))
                assert (boot.status, boot.interval) == ("Accepted", 60)  # nobody handles it
                blocked = await one.call(call.Authorize(id_tag="TAG0000013"))
                assert blocked.id_tag_info["status"] == "Blocked"
                now = "2026-01-31T12:00:00Z"
                starts = [
                    await one.call(call.StartTransaction(connector_id=1, id_tag="TAG1", meter_start=0, timestamp=now))
                    for _ in range(2)
                ]
                assert [start.transaction_id for start in starts] == [1, 2]
                # While its own CALL waits for the answer the charge point is asked for something: no deadlock.
                price = await one.call(call.DataTransfer(vendor_id="V", message_id="price"))
                assert price.data == "0.42 EUR/kWh at each of 3 connectors"
                refused = await one.call(call.DataTransfer(vendor_id="V", message_id="weather"), suppress=True)
                assert refused is None

    asyncio.run(main())


def test_the_example_is_measured_by_a_run_that_observes(mosquitto_url: str, gateway_url: str, tmp_path: Path) -> None:
    serving = subprocess.Popen(
        [sys.executable, str(EXAMPLE), mosquitto_url],
        stdout=subprocess.PIPE,
        text=True,
        # A shell's background job ignores SIGINT, and children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    )
    assert serving.stdout is not None
    try:
        assert serving.stdout.readline().startswith(f"backend ready: answers charge points behind {mosquitto_url}")
        options = ["--charge-points", "20", "--ramp", "2s", "--duration", "3s", "--csms", "observe", "--no-thresholds"]
        urls = ["--broker", mosquitto_url, "--gateway", gateway_url, "--results", str(tmp_path), "--run-id", "run"]
        command = [sys.executable, "-m", "loadtest", "run", str(unhurried(tmp_path, "steady")), *options, *urls]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    finally:
        serving.send_signal(signal.SIGINT)
        serving.communicate(timeout=10)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert serving.returncode == 130
    record = run_record.load(tmp_path / "run")
    assert record.operations.answered == record.operations.sent == record.deliveries.delivered > 0
    assert record.commands is None


def test_commands_wait_their_turn_and_their_outcomes_differ(mosquitto_url: str, gateway_url: str) -> None:
    backend = Backend(mosquitto_url)

    async def main() -> None:
        async with backend:
            async for one in charge_point(gateway_url):
                await one.call(call.Heartbeat())  # whoever was heard has its downstream subscription
                answers = await asyncio.gather(*(backend.call("CP 1", "GetConfiguration") for _ in range(5)))
                assert {answer["configurationKey"][0]["value"] for answer in answers} == {"3"}
                assert one.most_asked_at_once == 1
                with pytest.raises(CallRefusedError) as refusal:
                    await backend.call("CP 1", "ClearCache")
                assert refusal.value.code in ("NotImplemented", "NotSupported")
                with pytest.raises(TimeoutError, match=r"CP 1 did not answer Reset within 0\.3 s"):
                    await backend.call("CP 1", "Reset", {"type": "Soft"}, timeout_s=0.3)
                with pytest.raises(TimeoutError):
                    await backend.call("nobody", "ClearCache", timeout_s=0.1)

    asyncio.run(main())


def test_a_handler_that_fails_is_answered_for(
    mosquitto_url: str, gateway_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    backend = Backend(mosquitto_url)

    @backend.on("Heartbeat")
    async def fail(charge_point_id: str, payload: dict[str, Any]) -> None:
        raise ZeroDivisionError

    async def main() -> str:
        async with backend:
            async for one in charge_point(gateway_url):
                with pytest.raises(InternalError) as refusal:
                    await one.call(call.Heartbeat(), suppress=False)
                return str(refusal.value.description)
        return ""

    assert asyncio.run(main()) == "the handler of Heartbeat failed"
    assert "the handler of Heartbeat failed" in caplog.text


def test_what_cannot_be_is_refused(mosquitto_url: str) -> None:
    backend = Backend(mosquitto_url)
    with pytest.raises(UsageError, match="'Reset' is no action a charge point sends"):
        backend.on("Reset")

    @backend.on("Authorize")
    async def authorize(charge_point_id: str, payload: dict[str, Any]) -> None:
        return None

    with pytest.raises(UsageError, match="Authorize has a handler already"):
        backend.on("Authorize")
    with pytest.raises(EnvironmentNotReady, match="not connected"):
        asyncio.run(backend.call("CP 1", "ClearCache"))


def test_a_broker_that_is_not_there_is_told() -> None:
    with pytest.raises(EnvironmentNotReady):
        asyncio.run(Backend(f"mqtt://127.0.0.1:{free_port()}").run())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "usage: python docs/examples/backend.py mqtt://"), (["mqtt://127.0.0.1:{port}"], "error: MQTT broker")],
)
def test_the_example_says_in_one_line_why_it_cannot_start(arguments: list[str], said: str) -> None:
    command = [sys.executable, str(EXAMPLE), *(each.format(port=free_port()) for each in arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == 1
