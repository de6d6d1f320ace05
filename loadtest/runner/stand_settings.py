"""What the stand is asked to set up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from loadtest.errors import UsageError
from loadtest.scenario.credentials import CredentialFiles
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.settings import AUTO, EMBEDDED, MQTT_3_1_1, masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class StandSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The system under test, as the Locust process wants it.

    Attributes:
        epoch_ns: Start of interval 0 of the reports, ``monotonic_ns``.
        log_dir: Existing folder for the logs of all parts.
        gateway: ``embedded`` or a ``ws://`` URL.
        broker: ``auto``, the name of a kind or an ``mqtt://`` URL.
        broker_settings: Outdo those the embedded broker is started with.
        address: Address for the gateway and the broker that are embedded.
        gateway_processes: Processes of the embedded gateway.
        charge_points: How many there are.
        direct: Of them, those that connect to the broker itself; when all do, there is no gateway.
        mqtt_version: That those speak.
        csms_mqtt_version: That the central system speaks.
        qos: MQTT quality of service of the embedded gateway.
        highest_qos: Of messages of charge points that connect to the broker themselves, where that is higher.
        persistent: The embedded broker keeps sessions and queued messages on disk when it is restarted.
        subscribers: Subscriber processes; with more than one it is probed whether the broker can share a subscription.
        security_profile: OCPP's, of the embedded gateway; certificates and passwords are made for the run.
        id_prefixes: Of all charge points the embedded gateway is to have passwords for.
        credentials: Files charge points use with a gateway that is not embedded.
        password: Template of the passwords; empty with an embedded gateway: random ones are made.
        gateway_config: TOML file of switches of the embedded gateway; empty: EMQX's defaults.
        gateway_metrics_port: Port of its Prometheus endpoint; 0: none.
    """

    epoch_ns: int
    log_dir: str
    gateway: str = EMBEDDED
    broker: str = AUTO
    broker_settings: dict[str, str] = {}
    address: str = "127.0.0.1"
    gateway_processes: int = 1
    charge_points: int = 1
    direct: int = 0
    mqtt_version: str = MQTT_3_1_1
    csms_mqtt_version: str = MQTT_3_1_1
    qos: int = 1
    highest_qos: int = 0
    persistent: bool = False
    subscribers: int = 1
    security_profile: int = 0
    id_prefixes: tuple[str, ...] = ()
    credentials: CredentialFiles = CredentialFiles()
    password: str = ""
    gateway_config: str = ""
    gateway_metrics_port: int = 0

    def fleet(self) -> Iterator[tuple[str, int]]:
        """Id and number of every charge point there may be: which has which prefix is decided later."""
        for prefix in self.id_prefixes:
            profile = ChargePointProfile(id_prefix=prefix)
            for number in range(self.charge_points):
                yield profile.charge_point_id(number), number

    def __repr__(self) -> str:
        """Without the password, wherever it may be shown."""
        return f"StandSettings(gateway={masked(self.gateway)!r}, broker={masked(self.broker)!r})"

    @property
    def gateway_needed(self) -> bool:
        """Whether charge points go through one."""
        return self.direct < self.charge_points

    @property
    def gateway_embedded(self) -> bool:
        """Whether the gateway is ours to start."""
        return self.gateway_needed and self.gateway == EMBEDDED

    @property
    def gateway_external(self) -> bool:
        """Whether the gateway is somebody else's."""
        return self.gateway_needed and self.gateway != EMBEDDED


def stand_settings(plain: Mapping[str, object]) -> StandSettings:
    """Check what came over the control channel.

    Raises:
        UsageError: With what is wrong.
    """
    try:
        settings = msgspec.convert(plain, StandSettings)
    except msgspec.ValidationError as error:
        raise UsageError(f"stand settings: {error}") from error
    if settings.gateway_external and "://" not in settings.broker:
        raise UsageError(
            f"--gateway is {masked(settings.gateway)}, but --broker does not say which broker it publishes to",
            hint="add --broker mqtt://host:port, the broker that gateway is connected to",
        )
    return settings
