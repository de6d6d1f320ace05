"""OCPP's security profiles from end to end: what passes, what is refused, how it is told, and no secret gets out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from scenario_copies import unhurried
from servers import free_port
from tls_charge_point import TlsChargePoint
from websockets.exceptions import InvalidStatus

from loadtest.clock import monotonic_ns
from loadtest.control.messages import AddCohort, Drain, EnterPhase
from loadtest.errors import UsageError
from loadtest.gateway import passwords
from loadtest.measure import run_record
from loadtest.measure.run_events import FIRST_CONNECT_FAULT
from loadtest.protocol.phases import RAMP
from loadtest.runner.certificates import make_certificates
from loadtest.testing.controlled_child import ControlledChild
from loadtest.transport import tls
from loadtest.transport.loop import run as run_loop
from loadtest.units import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loadtest.measure.run_record import RunRecord

pytestmark = pytest.mark.integration

MARKER = "never-to-be-seen-"
KEY = bytes(range(240, 256))


class Gateway:
    """A gateway process that speaks TLS, with a folder of certificates."""

    def __init__(self, child: ControlledChild, port: int, certificates: Path) -> None:
        self.child = child
        self.port = port
        self.certificates = certificates
        self.url = f"wss://127.0.0.1:{port}/ocpp"

    def client(self, certificate: str = "", ca_file: str = "") -> ssl.SSLContext:
        shown = str(self.certificates / certificate) if certificate else ""
        return tls.client_context(ca_file or str(self.certificates / "ca.pem"), shown)

    def connect(self, identity: str, context: ssl.SSLContext) -> TlsChargePoint:
        return TlsChargePoint(f"{self.url}/{identity}", context)

    def counted(self, name: str, at_least: int = 1, timeout_s: float = 10.0) -> int:
        """A counter, once it is as large as it should be."""
        deadline = time.monotonic() + timeout_s
        while True:
            index = monotonic_ns() // NS_PER_S
            report = self.child.report_when(lambda report, index=index: report.index >= index)  # type: ignore[misc]
            count = report.counters.get(f"gateway.{name}", 0)
            if count >= at_least or time.monotonic() > deadline:
                return count


@contextlib.contextmanager
def gateway_with(broker_url: str, folder: Path, **settings: Any) -> Iterator[Gateway]:
    certificates = folder / "certificates"
    make_certificates(certificates, charge_points=["CP1", "CP2"])
    port = free_port()
    with ControlledChild("loadtest.gateway") as child:
        child.configure(
            {
                "port": port,
                "broker_url": broker_url,
                "idle_timeout_s": 0,
                "tls_certificate": str(certificates / "gateway.pem"),
            }
            | {
                name: value.format(certificates) if isinstance(value, str) else value
                for name, value in settings.items()
            }
        )
        yield Gateway(child, port, certificates)


@pytest.fixture
def mutual(mosquitto_url: str, tmp_path: Path) -> Iterator[Gateway]:
    with gateway_with(mosquitto_url, tmp_path, tls_client_ca="{}/ca.pem", handshake_timeout_s=3.0) as gateway:
        yield gateway


def run_command(folder: Path, *options: str, **environment: str) -> tuple[int, str, str]:
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "loadtest",
            "run",
            str(unhurried(folder, "steady")),
            "--quiet",
            "--duration",
            "1s",
            "--ramp",
            "300ms",
            *options,
        ],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    complaints = [line for line in finished.stderr.splitlines() if not line.startswith("fleet: ")]
    return finished.returncode, finished.stdout, "\n".join(complaints)


def only_record(folder: Path) -> RunRecord:
    (run_dir,) = (folder / "results").iterdir()
    return run_record.load(run_dir)


@pytest.mark.parametrize("profile", [1, 3])  # 2 is below, with a password from the environment
def test_a_run_with_everything_embedded_passes(profile: int, tmp_path: Path) -> None:
    status, out, err = run_command(tmp_path, "--charge-points", "200", "--security-profile", str(profile))
    assert (status, err) == (0, ""), out
    record = only_record(tmp_path)
    assert record.registered == 200
    assert record.run.sut["gateway"]["url"].startswith("ws://" if profile == 1 else "wss://")
    written = (tmp_path / "results" / record.run.run_id / "run.json").read_text()
    folders = set(re.findall(r"[^\"]*/loadtest-security-\w+", written))
    assert [folder for folder in folders if Path(folder).exists()] == [], "removed with the run"


def test_a_password_is_nowhere_but_in_the_environment_and_on_the_wire(tmp_path: Path) -> None:
    command_lines: set[str] = set()
    options = shlex.split("--charge-points 40 --duration 1s --ramp 300ms --security-profile 2 --processes 2")
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest", "run", str(unhurried(tmp_path, "steady")), *options],
        cwd=tmp_path,
        env=os.environ | {"LOADTEST_PASSWORD": MARKER + "${cid}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    families = 0
    while process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        families = max(families, len(children))
        for child in [process.pid, *(each.pid for each in children)]:
            with contextlib.suppress(OSError):
                command_lines.add(Path(f"/proc/{child}/cmdline").read_bytes().decode().replace("\0", " "))
        time.sleep(0.1)
    said, _ = process.communicate(timeout=10)
    assert process.returncode == 0, said
    assert families >= 5, "engines, subscriber, stand, gateway and Locust were looked at"
    files = [file for file in (tmp_path / "results").rglob("*") if file.is_file()]
    assert any(file.name == "run.json" for file in files)
    assert [file for file in files if MARKER.encode() in file.read_bytes()] == []
    assert [line for line in command_lines if MARKER in line] == []
    assert MARKER not in said


def refused_of(engine: ControlledChild, gateway: Gateway, charge_points: int, **settings: Any) -> tuple[int, str]:
    """How many of an engine's charge points get in, and why the first of the others does not."""
    engine.configure(
        {
            "run_tag": 1,
            "epoch_ns": monotonic_ns(),
            "seed": 1,
            "gateway_url": gateway.url,
            "engine": 0,
            "charge_points": charge_points,
            "ramp_s": 0.1,
            "call_timeout_s": 1.0,
        }
        | settings
    )
    engine.send(AddCohort(0, charge_points))
    engine.send(EnterPhase(RAMP, monotonic_ns()))
    report = engine.report_when(
        lambda report: (
            report.gauges["registered"] == charge_points - 1 and report.counters["engine.connect_refused"] >= 1
        )
    )
    engine.send(Drain(monotonic_ns()))
    engine.report_when(lambda report: report.final)
    return report.gauges["registered"], next(event.text for event in engine.events if event.kind == FIRST_CONNECT_FAULT)


def test_wrong_passwords_are_refused_counted_and_told(mosquitto_url: str, tmp_path: Path) -> None:
    """Only one of two charge points brings the right one: the other does not get in, and does not disturb it."""
    file = tmp_path / "passwords"
    file.write_text("".join(passwords.entry(f"cp-{number:06d}", KEY) + "\n" for number in range(2)))
    clear = tmp_path / "clear"
    clear.write_text(f"cp-000000:hex:{KEY.hex()}\ncp-000001:hex:{KEY[::-1].hex()}\n")
    with (
        gateway_with(mosquitto_url, tmp_path, password_file=str(file)) as gateway,
        ControlledChild("loadtest.csms") as csms,
        ControlledChild("loadtest.engine") as engine,
    ):
        csms.configure({"broker_url": mosquitto_url, "run_tag": 1, "epoch_ns": monotonic_ns()})
        files = {"ca_file": str(gateway.certificates / "ca.pem"), "password_file": str(clear)}
        registered, why = refused_of(engine, gateway, 2, credentials=files)
        assert gateway.counted("refused_bad_username_or_password") >= 1
    assert registered == 1
    assert why == "cp-000001: handshake refused with 400 bad_username_or_password"


def test_a_gateway_nobody_vouches_for_is_refused_before_any_load(mosquitto_url: str, tmp_path: Path) -> None:
    with gateway_with(mosquitto_url, tmp_path, handshake_timeout_s=1.0) as gateway:
        status, out, err = run_command(tmp_path, "--gateway", gateway.url, "--broker", mosquitto_url)
        assert gateway.counted("tls_handshake_failed_unfinished") == 1  # our own client's loop sends no alert
    assert (status, out) == (2, "")
    assert "the server's certificate is not trusted" in err
    assert "--ca-file" in err
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").iterdir())


def test_charge_points_with_certificates_of_their_own(mosquitto_url: str, tmp_path: Path) -> None:
    """All by their own in a whole run; then one of them with another's."""
    own = tmp_path / "own"
    make_certificates(own, charge_points=[f"cp-{number:06d}" for number in range(20)])
    settings = {"tls_certificate": str(own / "gateway.pem"), "tls_client_ca": str(own / "ca.pem")}
    files = {"ca_file": str(own / "ca.pem"), "client_certificate": f"{own}/${{cid}}.pem"}
    with gateway_with(mosquitto_url, tmp_path, **settings) as gateway:
        options = ["--gateway", gateway.url, "--broker", mosquitto_url, "--charge-points", "20"]
        options += ["--ca-file", files["ca_file"], "--client-certificate", files["client_certificate"]]
        status, out, err = run_command(tmp_path, *options)
        assert (status, err) == (0, ""), out
        (own / "cp-000019.pem").unlink()
        (own / "cp-000019.pem").symlink_to(own / "cp-000018.pem")
        with ControlledChild("loadtest.csms") as csms, ControlledChild("loadtest.engine") as engine:
            csms.configure({"broker_url": mosquitto_url, "run_tag": 1, "epoch_ns": monotonic_ns()})
            registered, why = refused_of(engine, gateway, 20, credentials=files)
        assert gateway.counted("refused_not_authorized") >= 1
    assert registered == 19
    assert why == "cp-000019: handshake refused with 400 not_authorized"


def test_only_the_owner_of_a_certificate_gets_in(mutual: Gateway) -> None:
    with mutual.connect("CP1", mutual.client("CP1.pem")) as charge_point:
        charge_point.ping()
        with pytest.raises(InvalidStatus) as caught:
            mutual.connect("CP1", mutual.client("CP2.pem"))
        assert (caught.value.response.status_code, caught.value.response.body) == (400, b"not_authorized")
        charge_point.ping()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_without_a_fitting_certificate_is_told_why(
    mutual: Gateway, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    make_certificates(tmp_path / "foreign", charge_points=["CP1"])
    foreign = tls.client_context(str(mutual.certificates / "ca.pem"), str(tmp_path / "foreign" / "CP1.pem"))
    for context, cause in ((mutual.client(), "no_certificate"), (foreign, "untrusted_certificate")):
        context.minimum_version = context.maximum_version = version
        with (
            socket.create_connection(("127.0.0.1", mutual.port), timeout=10) as tcp,
            pytest.raises(ssl.SSLError, match=r"(?i)alert"),
            context.wrap_socket(tcp, server_hostname="127.0.0.1") as client,
        ):
            client.recv(1)  # in TLS 1.3 the client's own handshake is over before the server has seen its certificate
        assert mutual.counted(f"tls_handshake_failed_{cause}") == 1


def test_what_is_no_tls_is_counted_and_harms_nobody(mutual: Gateway) -> None:
    with mutual.connect("CP1", mutual.client("CP1.pem")) as charge_point:
        with socket.create_connection(("127.0.0.1", mutual.port), timeout=10) as plain:
            plain.sendall(b"GET /ocpp/CP1 HTTP/1.1\r\nHost: h\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert not plain.recv(1000).startswith(b"HTTP")
        with (
            socket.create_connection(("127.0.0.1", mutual.port), timeout=10) as silent,
            socket.create_connection(("127.0.0.1", mutual.port), timeout=10) as slow,
        ):
            slow.sendall(b"\x16\x03\x01\x02\x00")  # a TLS record that never goes on
            for one in (silent, slow):
                with contextlib.suppress(ConnectionResetError):
                    assert one.recv(1000) == b"", "cut when the time for the handshake is over"
        assert mutual.counted("tls_handshake_failed_not_tls") == 1
        assert mutual.counted("tls_handshake_failed_unfinished", at_least=2) == 2
        charge_point.ping()


def test_old_tls_is_refused(mutual: Gateway) -> None:
    context = mutual.client("CP1.pem")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, OSError)):
        mutual.connect("CP1", context)
    assert mutual.counted("tls_handshake_failed_nothing_in_common") == 1


def test_small_frames_are_not_held_back_under_tls(mutual: Gateway) -> None:
    """Nagle's algorithm would add 40 ms now and then."""

    async def scene() -> int:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(
            asyncio.Protocol, "127.0.0.1", mutual.port, ssl=mutual.client("CP1.pem"), server_hostname="127.0.0.1"
        )
        no_delay: int = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        transport.abort()
        return no_delay

    assert run_loop(scene()) == 1
    with mutual.connect("CP1", mutual.client("CP1.pem")) as charge_point:
        waits = []
        for _ in range(30):
            began = time.monotonic()
            charge_point.ping()
            waits.append(time.monotonic() - began)
    assert sorted(waits)[15] < 0.03


def test_files_that_cannot_be_used_are_named_at_once(mosquitto_url: str, tmp_path: Path) -> None:
    make_certificates(tmp_path / "c")
    files = {"tls_certificate": str(tmp_path / "c" / "ca.pem"), "password_file": str(tmp_path / "absent")}
    with ControlledChild("loadtest.gateway") as child, pytest.raises(UsageError, match="absent: No such file"):
        child.configure({"port": free_port(), "broker_url": mosquitto_url} | files)


@pytest.mark.parametrize(
    ("options", "secret", "named"),
    [
        ([], MARKER, "LOADTEST_PASSWORD: the embedded gateway asks for passwords with"),
        (["--security-profile", "1"], "short", "has 5 bytes"),
    ],
)
def test_contradictions_are_named(options: list[str], secret: str, named: str, tmp_path: Path) -> None:
    status, out, err = run_command(tmp_path, *options, LOADTEST_PASSWORD=secret)
    assert (status, out) == (2, "")
    assert named in err
    assert MARKER not in err


def test_the_charge_points_files_are_checked_before_anything_connects(tmp_path: Path) -> None:
    (tmp_path / "clear").write_text("no colon here\ncp-1:hex:zz\n")
    url = ["--gateway", f"wss://127.0.0.1:{free_port()}/ocpp", "--broker", "mqtt://127.0.0.1:9"]
    status, _, err = run_command(
        tmp_path, *url, "--ca-file", "absent.pem", "--password-file", "clear", "--charge-points", "2"
    )
    assert status == 2
    for named in ("absent.pem: No such file", "line 1: is not id:password", "line 2: a password that begins with hex:"):
        assert named in err, named
