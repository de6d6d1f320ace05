"""Setting up the OCPP gateway of a running EMQX, telling how it stands, and removing it.

Setting up changes only what is not as wanted, so that it can be done again at any time, and leaves listeners and
authentication of the user's alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadtest.brokers.emqx import wanted
from loadtest.errors import EnvironmentNotReady

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loadtest.brokers.emqx.api import Api

_GATEWAY = f"/gateways/{wanted.NAME}"
_LISTENERS = f"{_GATEWAY}/listeners"
_LISTENER = f"{_LISTENERS}/{wanted.LISTENER_ID}"
_RUNNING = "running"
_ANYWHERE = ("", "0.0.0.0", "::", "[::]", "*")  # noqa: S104 - compared, not bound
_MQTT_SCHEMES = {"tcp": "mqtt", "ssl": "mqtts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an EMQX stands towards a run.

    Attributes:
        version: Of EMQX; empty when it does not say.
        gateway: ``running``, ``stopped`` or ``unloaded``.
        listener: Whether the listener for charge points is there and runs.
        connections: Charge points on that listener.
        differences: What is configured otherwise than a run needs it, one sentence each.
        gateway_url: Where charge points connect; empty without the listener.
        broker_url: Where the central system connects; empty when EMQX has no MQTT listener that runs.
    """

    version: str
    gateway: str
    listener: bool
    connections: int
    differences: Sequence[str]
    gateway_url: str
    broker_url: str

    @property
    def ready(self) -> bool:
        """Whether a run can begin."""
        return self.gateway == _RUNNING and self.listener and not self.differences and bool(self.broker_url)


def standing(api: Api, port: int | None = None) -> Standing:
    """How EMQX stands.

    Args:
        api: EMQX's.
        port: The port the listener has to be on; any when left out.

    Raises:
        EnvironmentNotReady: It cannot be asked, or has no OCPP gateway.
    """
    gateway = _gateway(api)
    state = gateway["status"]
    listener = None if state == "unloaded" else _our_listener(api)
    different = [] if state == "unloaded" else list(wanted.differences(wanted.GATEWAY, gateway))
    gateway_url = ""
    if listener is not None:
        bind = str(listener.get("bind", ""))
        ours = wanted.listener(port if port is not None else _port(bind))
        different += [f"listener {each}" for each in wanted.differences(ours, listener)]
        path = _object(listener.get("websocket")).get("path", wanted.PATH)
        gateway_url = f"ws://{_authority(api, bind)}{path}"
    return Standing(
        version=_version(api),
        gateway=state,
        listener=listener is not None and _runs(listener),
        connections=0 if listener is None else _connections(listener),
        differences=different,
        gateway_url=gateway_url,
        broker_url=_broker_url(api),
    )


def set_up(api: Api, port: int, tell: Callable[[str], None]) -> Standing:
    """Have the gateway run as a run needs it.

    Args:
        api: EMQX's.
        port: Where charge points are to connect.
        tell: Called with a line for each thing that was changed, or found to be right.

    Raises:
        EnvironmentNotReady: EMQX cannot be asked, refuses, or does not do what it accepted.
    """
    gateway = _gateway(api)
    listener = wanted.listener(port)
    if gateway["status"] == "unloaded":
        api.put(_GATEWAY, {**wanted.GATEWAY, "listeners": [listener]})
        tell("gateway: created")
    else:
        _correct_gateway(api, gateway, tell)
    _correct_listener(api, listener, tell)
    now = standing(api, port)
    if now.gateway != _RUNNING or not now.listener or now.differences:
        what = [f"the gateway is {now.gateway}"] if now.gateway != _RUNNING else []
        what += [] if now.listener else [f"the listener on port {port} does not run"]
        raise EnvironmentNotReady(
            f"EMQX at {api.url} took the configuration, yet {'; '.join((*what, *now.differences))}",
            hint="is the port taken? EMQX's own log says more" if not now.listener else "EMQX's own log says more",
        )
    return now


def _correct_gateway(api: Api, gateway: Mapping[str, Any], tell: Callable[[str], None]) -> None:
    different = list(wanted.differences(wanted.GATEWAY, gateway))
    for each in different:
        tell(f"gateway: changed {each}")
    if different:
        api.put(_GATEWAY, dict(wanted.GATEWAY))
    if _gateway(api)["status"] != _RUNNING:
        api.put(f"{_GATEWAY}/enable/true")
        tell("gateway: enabled")
    elif not different:
        tell("gateway: as wanted")


def _correct_listener(api: Api, listener: Mapping[str, Any], tell: Callable[[str], None]) -> None:
    found = _our_listener(api)
    if found is None:
        api.post(_LISTENERS, dict(listener))
        tell(f"listener: created {wanted.LISTENER_ID}")
        return
    different = list(wanted.differences(listener, found))
    for each in different:
        tell(f"listener: changed {each}")
    if different:
        api.put(_LISTENER, wanted.corrected(found, listener))
    else:
        tell("listener: as wanted")


def remove(api: Api, tell: Callable[[str], None]) -> None:
    """Take the listener away, and disable the gateway unless listeners of the user's are left.

    EMQX has no request that unloads a gateway: disabled it holds no port and no connection.

    Args:
        api: EMQX's.
        tell: Called with a line for each thing that was done, or needed not be done.

    Raises:
        EnvironmentNotReady: It cannot be asked, refuses, or has no OCPP gateway.
    """
    if _gateway(api)["status"] == "unloaded":
        tell("gateway: there is none")
        return
    listeners = _listeners(api)
    others = [each for each in listeners if each.get("id") != wanted.LISTENER_ID]
    if len(others) < len(listeners):
        api.delete(_LISTENER)
        tell(f"listener: removed {wanted.LISTENER_ID}")
    else:
        tell(f"listener: there is no {wanted.LISTENER_ID}")
    if others:
        tell(f"gateway: left alone, other listeners use it: {', '.join(str(each.get('id')) for each in others)}")
    elif _gateway(api)["status"] == _RUNNING:
        api.put(f"{_GATEWAY}/enable/false")
        tell("gateway: disabled")
    else:
        tell("gateway: disabled already")


def _gateway(api: Api) -> dict[str, Any]:
    answer = api.request("GET", _GATEWAY)
    if answer.status in (400, 404):
        raise EnvironmentNotReady(
            f"EMQX at {api.url} has no OCPP gateway: {answer.reason}",
            hint="EMQX Enterprise has it from 5.4 on, the others from 5.9 on",
        )
    if not isinstance(answer.body, dict) or answer.body.get("status") not in (_RUNNING, "stopped", "unloaded"):
        raise EnvironmentNotReady(f"what answers at {api.url} is not EMQX's API", hint="see --api")
    return answer.body


def _listeners(api: Api) -> list[dict[str, Any]]:
    return _objects(api.get(_LISTENERS))


def _our_listener(api: Api) -> dict[str, Any] | None:
    return next((each for each in _listeners(api) if each.get("id") == wanted.LISTENER_ID), None)


def _objects(body: Any) -> list[dict[str, Any]]:
    return [each for each in body if isinstance(each, dict)] if isinstance(body, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _runs(listener: Mapping[str, Any]) -> bool:
    return _object(listener.get("status")).get("running") is True


def _connections(listener: Mapping[str, Any]) -> int:
    number = _object(listener.get("status")).get("current_connections", 0)
    return number if isinstance(number, int) else 0


def _version(api: Api) -> str:
    return next((str(node["version"]) for node in _objects(api.get("/nodes")) if "version" in node), "")


def _broker_url(api: Api) -> str:
    """The first MQTT listener that runs, a plain one before one with TLS."""
    for kind, scheme in _MQTT_SCHEMES.items():
        for each in _objects(api.get("/listeners")):
            if each.get("type") == kind and _runs(each):
                return f"{scheme}://{_authority(api, str(each.get('bind', '')))}"
    return ""


def _authority(api: Api, bind: str) -> str:
    """``host:port`` to connect to: what is bound everywhere is where the API is."""
    host = bind.rpartition(":")[0]
    if host in _ANYWHERE:
        host = f"[{api.host}]" if ":" in api.host else api.host
    return f"{host}:{_port(bind)}"


def _port(bind: str) -> int:
    port = bind.rpartition(":")[2]
    return int(port) if port.isdecimal() else 0
