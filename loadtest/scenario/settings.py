"""The settings of a run: one table from which command-line flags, Locust's form and validation follow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import msgspec

from loadtest.errors import UsageError
from loadtest.protocol.stamp import MAX_CHARGE_POINTS
from loadtest.units import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["int", "float", "duration", "text", "choice"]


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. A ``duration`` is written as text (``30s``) and resolved to seconds."""

    name: str
    kind: Kind
    default: int | float | str
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = float("inf")

    @property
    def flag(self) -> str:
        """The command-line flag."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable that gives its default, for what should not stand on a command line."""
        return f"LOADTEST_{self.name.upper()}"


SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="charge_points",
        kind="int",
        default=2000,
        low=1,
        high=MAX_CHARGE_POINTS,
        metavar="N",
        help="charge points in the whole fleet, shared out evenly among the cohorts",
    ),
    Setting(
        name="duration",
        kind="duration",
        default="30s",
        low=1,
        metavar="TIME",
        help="length of the steady phase, after ramp-up",
    ),
    Setting(name="ramp", kind="duration", default="10s", metavar="TIME", help="time over which charge points connect"),
    Setting(
        name="seed",
        kind="int",
        default=1,
        high=2**63,
        metavar="N",
        help="seed of every random choice; the same seed gives the same schedule",
    ),
    Setting(
        name="engines", kind="int", default=1, low=1, high=256, metavar="N", help="engine processes per Locust worker"
    ),
    Setting(
        name="gateway",
        kind="text",
        default="embedded",
        metavar="embedded|ws://…",
        help="the gateway under test: ours, or a URL to which /<charge point id> is appended",
    ),
    Setting(
        name="gateway_processes",
        kind="int",
        default=1,
        low=1,
        high=64,
        metavar="N",
        help="processes of the embedded gateway, on one port",
    ),
    Setting(
        name="broker",
        kind="text",
        default="auto",
        metavar="auto|mosquitto|amqtt|mqtt://…",
        help="the broker: one started by the harness, or a URL",
    ),
    Setting(
        name="csms",
        kind="choice",
        default="embedded",
        choices=("embedded", "observe"),
        help="embedded answers charge points; observe only listens and measures while a backend of yours answers",
    ),
    Setting(
        name="qos", kind="choice", default="1", choices=("0", "1", "2"), help="MQTT quality of service on every hop"
    ),
    Setting(name="subscribers", kind="int", default=1, low=1, high=64, metavar="N", help="subscriber processes"),
    Setting(
        name="subscriber_client",
        kind="choice",
        default="lean",
        choices=("lean", "aiomqtt"),
        help="MQTT client of the subscribers; aiomqtt is the second opinion for low rates",
    ),
    Setting(
        name="call_timeout",
        kind="duration",
        default="30s",
        low=0.1,
        metavar="TIME",
        help="how long a charge point waits for an answer",
    ),
    Setting(
        name="drain_timeout",
        kind="duration",
        default="10s",
        metavar="TIME",
        help="how long answers and deliveries under way are waited for at the end",
    ),
    Setting(
        name="results", kind="text", default="results", metavar="DIR", help="folder in which the run's folder is made"
    ),
    Setting(name="run_id", kind="text", default="auto", metavar="NAME", help="name of the run and of its folder"),
)

_PASSWORD_IN_URL = re.compile(r"((?:^|\w://)[^:/@\s]*):[^/?#\s]*@")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings as resolved: durations in seconds, numbers as numbers."""

    charge_points: int
    duration_s: float
    ramp_s: float
    seed: int
    engines: int
    gateway: str
    gateway_processes: int
    broker: str
    csms: str
    qos: int
    subscribers: int
    subscriber_client: str
    call_timeout_s: float
    drain_timeout_s: float
    results: str
    run_id: str

    def public(self) -> dict[str, Any]:
        """As a plain mapping for records and reports, passwords in URLs masked."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain | {"gateway": masked(self.gateway), "broker": masked(self.broker)}


def masked(text: str) -> str:
    """The text with the password of every URL in it replaced by stars, also where one begins without its scheme."""
    return _PASSWORD_IN_URL.sub(r"\1:***@", text)


def _value(setting: Setting, raw: object) -> tuple[str, Any]:
    """Resolve one value to its field and content.

    Raises:
        ValueError: It does not fit; the text says how.
    """
    if setting.kind == "choice":
        if str(raw) not in setting.choices:
            raise ValueError(f"{raw!r} is none of {', '.join(setting.choices)}")
        return setting.name, int(str(raw)) if setting.name == "qos" else str(raw)
    if setting.kind == "text":
        return setting.name, str(raw).strip()
    if setting.kind == "duration":
        number: float = seconds(raw if isinstance(raw, (int, float)) else str(raw))
        field = f"{setting.name}_s"
    else:
        try:
            number = int(str(raw)) if setting.kind == "int" else float(str(raw))
        except ValueError:
            wanted = "a whole number" if setting.kind == "int" else "a number"
            raise ValueError(f"{raw!r} is not {wanted}") from None
        field = setting.name
    if not setting.low <= number <= setting.high:
        limit = f"at least {setting.low:g}" if number < setting.low else f"at most {setting.high:g}"
        raise ValueError(f"{raw!r} is out of range: {limit}")
    return field, number


def _endpoint_faults(fields: Mapping[str, Any]) -> list[str]:
    faults = []
    for name, words, scheme in (
        ("gateway", ("embedded",), "ws"),
        ("broker", ("auto", "mosquitto", "amqtt"), "mqtt"),
    ):
        value = fields.get(name)
        if value is None or value in words:
            continue
        try:
            parts = urlsplit(value)
            known = parts.scheme == scheme and bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        if not known:
            faults.append(
                f"--{name}: {masked(value) if '@' in value else value!r} is neither {' nor '.join(words)} "
                f"nor a URL like {scheme}://host:port"
            )
    return faults


def resolve(values: Mapping[str, object]) -> RunSettings:
    """Check every setting and bring it into its final form; what is missing takes its default.

    Raises:
        UsageError: With one sentence for each fault found.
    """
    faults: list[str] = []
    fields: dict[str, Any] = {}
    for setting in SETTINGS:
        try:
            field, content = _value(setting, values.get(setting.name, setting.default))
        except ValueError as error:
            faults.append(f"{setting.flag}: {error}")
        else:
            fields[field] = content
    faults += _endpoint_faults(fields)
    if not _RUN_ID.fullmatch(str(fields.get("run_id", "auto"))):
        faults.append(f"--run-id: {fields['run_id']!r} must be letters, digits, dots, dashes and underscores")
    if not faults and fields["engines"] > fields["charge_points"]:
        faults.append(f"--engines: {fields['engines']} engines for {fields['charge_points']} charge points")
    if faults:
        raise UsageError(faults)
    return RunSettings(**fields)
