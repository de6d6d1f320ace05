"""What is held against the contract: where it is, and what of its configuration the rules depend on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, unquote, urlsplit

from loadtest.errors import UsageError
from loadtest.protocol.topics import MOUNTPOINT, TopicTemplate
from loadtest.transport import mqtt_url

if TYPE_CHECKING:
    import ssl

DEFAULT_PORTS = {"ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """A gateway's URL in parts. ``str()`` leaves the credentials out.

    Attributes:
        scheme: ``ws`` or ``wss``.
        host: Name or address.
        port: TCP port.
        path: What precedes ``/<charge point id>``, without a slash at its end; may be empty.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """The URL without credentials."""
        return f"{self.scheme}://{self.authority}{self.path}"


@dataclass(frozen=True, slots=True)
class Credentials:
    """HTTP Basic credentials that the gateway accepts; ``${cid}`` in the user name is the charge point's id."""

    user: str
    password: str = field(repr=False)

    def of(self, charge_point_id: str) -> tuple[str, str]:
        """User name and password of one charge point."""
        return self.user.replace("${cid}", charge_point_id), self.password


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic templates, mountpoint included."""

    call: TopicTemplate
    reply: TopicTemplate
    error: TopicTemplate
    downstream: TopicTemplate

    def filters(self, charge_point_id: str) -> list[str]:
        """Topic filters for all that one charge point sends; what is only known of a message is left open."""
        templates = (self.call, self.reply, self.error)
        texts = [template.text.replace("${cid}", charge_point_id) for template in templates]
        return list(
            dict.fromkeys("/".join("+" if "${" in level else level for level in text.split("/")) for text in texts)
        )


def topics(
    mountpoint: str = MOUNTPOINT,
    *,
    call: str = "cp/${cid}",
    reply: str = "cp/${cid}/Reply",
    error: str = "cp/${cid}/Reply",
    downstream: str = "cs/${cid}",
) -> Topics:
    """Topics from a mountpoint and templates; all default to EMQX's.

    Raises:
        UsageError: With a sentence for each template that is none.
    """
    faults: list[str] = []
    made: list[TopicTemplate] = []
    for name, text in (("call", call), ("reply", reply), ("error", error), ("downstream", downstream)):
        try:
            template = TopicTemplate(mountpoint + text)
        except ValueError as fault:
            faults.append(f"--{name}-topic: {fault}")
            continue
        made.append(template)
        if "cid" not in template.placeholders:
            faults.append(f"--{name}-topic: {mountpoint + text!r} names no charge point; write ${{cid}} into it")
    if faults:
        raise UsageError(faults)
    return Topics(*made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A gateway and its broker.

    Attributes:
        gateway: Where charge points connect.
        broker: URL of the MQTT broker behind it.
        topics: What it publishes to and subscribes to.
        credentials: What it lets charge points in with; None: it has no authenticator.
        tls: For ``wss``; None: the system's certificate authorities.
        checking: It checks charge points' CALLs against the official schemas.
        idle_timeout_s: After which silence, pings included, it cuts a connection; EMQX's default.
        patience_s: How long to wait for what has to come.
        slow: Rules are wanted as well that take as long as the idle timeout.
    """

    gateway: GatewayAddress
    broker: str
    topics: Topics = field(default_factory=topics)
    credentials: Credentials | None = None
    tls: ssl.SSLContext | None = None
    checking: bool = False
    idle_timeout_s: float = 30.0
    patience_s: float = 5.0
    slow: bool = False

    @property
    def ssl(self) -> ssl.SSLContext | Literal[True] | None:
        """What asyncio and ``websockets`` take for TLS."""
        return (self.tls or True) if self.gateway.scheme == "wss" else None

    def path_of(self, charge_point_id: str) -> str:
        """The request target of a charge point."""
        return f"{self.gateway.path}/{quote(charge_point_id, safe='')}"

    def url_of(self, charge_point_id: str) -> str:
        """The whole URL of a charge point, without credentials."""
        return f"{self.gateway.scheme}://{self.gateway.authority}{self.path_of(charge_point_id)}"


def gateway_address(url: str) -> tuple[GatewayAddress, Credentials | None]:
    """Read ``ws[s]://[user:password@]host[:port][/path]``.

    Raises:
        UsageError: It is not one; says why, without credentials.
    """
    hint = "write ws://host:port/path or wss://host:port/path, without a charge point's id"
    scheme, separator, rest = url.partition("://")
    shown_url = f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else url.rpartition("@")[2]
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"--gateway: {shown_url!r}: {error}", hint=hint) from None
    fault = ""
    if parts.scheme not in DEFAULT_PORTS:
        fault = "the scheme is neither ws:// nor wss://"
    elif not host:
        fault = "no host is named"
    elif port == 0:
        fault = "nothing listens on port 0"
    elif parts.query or parts.fragment:
        fault = "nothing may follow the path"
    if fault:
        raise UsageError(f"--gateway: {shown_url!r}: {fault}", hint=hint)
    assert host
    address = GatewayAddress(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], parts.path.rstrip("/"))
    credentials = Credentials(unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    return address, credentials


def broker_url(url: str) -> str:
    """Check a broker's URL.

    Raises:
        UsageError: It is not one.
    """
    try:
        mqtt_url.parse(url)
    except UsageError as error:
        raise UsageError([f"--broker: {fault}" for fault in error.faults], hint=error.hint) from None
    return url
