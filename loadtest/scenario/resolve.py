"""From what was written to :class:`~loadtest.scenario.settings.RunSettings`, or to everything that is wrong with it.

A fault begins with where its value was written: a flag, or a variable of the environment.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from loadtest.errors import UsageError
from loadtest.scenario import threshold_text
from loadtest.scenario.broker_settings import broker_settings
from loadtest.scenario.mqtt_settings import mqtt_faults
from loadtest.scenario.secret_settings import SECRETS, secret
from loadtest.scenario.settings import AUTO, BROKERS, DIRECT, EMBEDDED, RunSettings, masked
from loadtest.scenario.settings_table import SETTINGS
from loadtest.scenario.suggestions import did_you_mean, url_meant
from loadtest.units import seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from loadtest.scenario.setting import Setting

MIN_WARMUP_S = 1.0
"""Phases are announced ahead of time, and what happens in them is counted by the second."""

_FLAG_WORDS = {"1": True, "true": True, "yes": True, "on": True, "": False, "0": False, "false": False, "no": False}
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CREDENTIAL_FILES = ("ca_file", "client_certificate", "client_key", "password_file")
(_PASSWORD,) = (setting.variable for setting in SECRETS if setting.name == "password")


def resolve(values: Mapping[str, object], from_environment: Collection[str] = ()) -> RunSettings:
    """Check every setting and bring it into its final form; what is missing takes its default.

    Args:
        values: As written, by name.
        from_environment: Names of those that were written into a variable of the environment.

    Raises:
        UsageError: With one sentence for each fault found.
    """
    written = {
        setting.name: setting.variable if setting.name in from_environment else setting.flag for setting in SETTINGS
    }
    faults: list[str] = []
    fields: dict[str, Any] = {}
    for setting in SETTINGS:
        try:
            field, content = _value(setting, values.get(setting.name, setting.default))
        except ValueError as error:
            faults.append(f"{written[setting.name]}: {error}")
        else:
            fields[field] = content
    faults += _endpoint_faults(fields, written)
    faults += _security_faults(fields, written, password=bool(secret("password")))
    faults += _threshold_faults(fields, written)
    if 0 < fields.get("warmup_s", 0) < MIN_WARMUP_S:
        faults.append(
            f"{written['warmup']}: {fields['warmup_s']:g} s is too short for a phase; 0, or at least {MIN_WARMUP_S:g} s"
        )
    faults += mqtt_faults(fields, written)
    if not _RUN_ID.fullmatch(str(fields.get("run_id", "auto"))):
        faults.append(
            f"{written['run_id']}: {fields['run_id']!r} must be letters, digits, dots, dashes and underscores"
        )
    if not fields.get("metrics_host", "127.0.0.1"):
        faults.append(f"{written['metrics_host']}: an address is missing; 0.0.0.0 stands for all of this machine's")
    if fields.get("csms") == "observe" and "://" not in str(fields.get("broker", "://")):
        faults.append(
            f"{written['csms']}: observe needs --broker mqtt://host:port, where a backend of yours answers; "
            "nobody else knows a broker that the harness starts"
        )
    faults += _broker_setting_faults(fields, written)
    if fields.get("persistent") and fields.get("subscriber_client") == "aiomqtt":
        faults.append(f"{written['persistent']}: needs --subscriber-client lean, which can keep a session")
    if not faults and fields["engines"] > fields["charge_points"]:
        faults.append(f"{written['engines']}: {fields['engines']} engines for {fields['charge_points']} charge points")
    if faults:
        raise UsageError(faults)
    return RunSettings(**fields)


def as_written(setting: Setting, resolved: Mapping[str, Any]) -> str | None:
    """The text that resolves to a setting's value in resolved settings; ``None`` when there is none.

    A flag that was not given has the empty text.
    """
    if setting.kind == "duration":
        value = resolved.get(f"{setting.name}_s")
        return None if value is None else f"{value:.15g}s"
    value = resolved.get(setting.name)
    if setting.kind == "flag":
        return None if value is None else "yes" if value else ""
    return None if value is None else str(value)


def _value(setting: Setting, raw: object) -> tuple[str, Any]:
    """Resolve one value to its field and content.

    Raises:
        ValueError: It does not fit; the text says how.
    """
    if setting.kind == "choice":
        if str(raw) not in setting.choices:
            raise ValueError(f"{raw!r} is none of {', '.join(setting.choices)}")
        numbers = all(choice.isdecimal() for choice in setting.choices)
        return setting.name, int(str(raw)) if numbers else str(raw)
    if setting.kind == "flag":
        if str(raw).lower() not in _FLAG_WORDS:
            raise ValueError(f"{raw!r} is neither yes nor no")
        return setting.name, _FLAG_WORDS[str(raw).lower()]
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


def _is_address(text: str) -> bool:
    """Whether others can connect to it: 0.0.0.0 is where one listens, not where one is reached."""
    try:
        return not ipaddress.IPv4Address(text).is_unspecified
    except ValueError:
        return False


def _endpoint_faults(fields: Mapping[str, Any], written: Mapping[str, str]) -> list[str]:
    faults = []
    for name, words, schemes in (
        ("gateway", (EMBEDDED,), ("ws", "wss")),
        ("broker", (AUTO, *BROKERS), ("mqtt", "mqtts")),
    ):
        value = fields.get(name)
        if value is None or value in words:
            continue
        try:
            parts = urlsplit(value)
            known = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        if not known:
            faults.append(
                f"{written[name]}: {masked(value) if '@' in value else value!r} is neither {', '.join(words)} "
                f"nor a URL like {schemes[0]}://host:port{url_meant(value, schemes) or did_you_mean(value, words)}"
            )
    if not _is_address(address := str(fields.get("embedded_address", "127.0.0.1"))):
        faults.append(f"{written['embedded_address']}: {address!r} is no IPv4 address of one machine, such as 10.0.0.1")
    return faults


def _broker_setting_faults(fields: Mapping[str, Any], written: Mapping[str, str]) -> list[str]:
    """What is wrong with them whichever broker it is: what each knows, only it can tell."""
    where = written["broker_setting"]
    try:
        settings = broker_settings(str(fields.get("broker_setting", "")))
    except UsageError as error:
        return [f"{where}{fault.removeprefix('--broker-setting')}" for fault in error.faults]
    if settings and "://" in str(fields.get("broker", "")):
        return [f"{where}: is for a broker that the harness starts; configure one given by URL where it runs"]
    return []


def _security_faults(fields: Mapping[str, Any], written: Mapping[str, str], *, password: bool) -> list[str]:
    """What contradicts itself: who brings which credentials depends on whose gateway it is, and on its URL."""
    given = [name for name in _CREDENTIAL_FILES if fields.get(name)]
    if fields.get("path") == DIRECT:
        broker = str(fields.get("broker", ""))
        return _faults_of_credentials("broker", "mqtts", broker, given, written, password=password)
    gateway, profile = str(fields.get("gateway", EMBEDDED)), fields.get("security_profile", 0)
    if gateway == EMBEDDED:
        faults = [
            f"{written[name]}: is for a gateway given by its URL; the embedded one makes its own "
            "with --security-profile"
            for name in given
        ]
        if password and profile not in (1, 2):
            faults.append(f"{_PASSWORD}: the embedded gateway asks for passwords with --security-profile 1 or 2")
        return faults
    faults = []
    if profile:
        faults.append(
            f"{written['security_profile']}: is for the embedded gateway; for another say it by its URL (wss://), "
            f"--ca-file, --client-certificate, {_PASSWORD} or --password-file"
        )
    return faults + _faults_of_credentials("gateway", "wss", gateway, given, written, password=password)


def _faults_of_credentials(
    peer: str, scheme: str, url: str, given: Sequence[str], written: Mapping[str, str], *, password: bool
) -> list[str]:
    """What does not go together of what charge points are to show a gateway, or a broker, that is given by its URL."""
    if "://" not in url:
        faults = [f"{written[name]}: is for a {peer} given by its URL" for name in given]
        return [*faults, f"{_PASSWORD}: is for a {peer} given by its URL"] if password else faults
    faults = []
    if not url.startswith(f"{scheme}://"):
        faults += [
            f"{written[name]}: has no use without TLS; write --{peer} {scheme}://…"
            for name in given
            if name != "password_file"
        ]
    if "client_key" in given and "client_certificate" not in given:
        faults.append(f"{written['client_key']}: needs --client-certificate as well")
    sources = [_PASSWORD] if password else []
    sources += [written["password_file"]] if "password_file" in given else []
    sources += [f"a user name in {written['gateway']}"] if peer == "gateway" and "@" in url.partition("?")[0] else []
    if len(sources) > 1:
        faults.append(f"passwords come from {' and '.join(sources)}: leave one")
    return faults


def _threshold_faults(fields: Mapping[str, Any], written: Mapping[str, str]) -> list[str]:
    given = threshold_text.split(fields.get("threshold", ""))
    if given and fields.get("no_thresholds"):
        return [f"{written['no_thresholds']}: judges nothing, but there is '{given[0]}' as well: leave one"]
    try:
        threshold_text.parse_all(given)
    except UsageError as error:
        return [f"{written['threshold']}: {threshold_text.untitled(fault)}" for fault in error.faults]
    return []
