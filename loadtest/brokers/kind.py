"""What a kind of broker says of itself: one subclass of :class:`BrokerKind` for each, in a module of its own.

How to add one: docs/brokers.md.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from loadtest.brokers.installed import find, install_command
from loadtest.brokers.ports import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What a broker can do, as far as a run depends on it.

    Attributes:
        mqtt5: It speaks MQTT 5; otherwise 3.1.1 only.
        shared_subscriptions: It shares ``$share/<group>/<filter>`` out among the group's members.
        persistent: Sessions and queued messages outlive its restart; ``None``: nobody has tried.
        highest_qos: The highest quality of service it takes.
    """

    mqtt5: bool
    shared_subscriptions: bool
    persistent: bool | None
    highest_qos: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a run asks of its broker.

    Attributes:
        qos: On every hop.
        highest_qos: Of single kinds of message, where that is above ``qos``.
        charge_points: Behind a gateway, which subscribes to a topic for each.
        mqtt5: Charge points on the direct path, or the central system, speak MQTT 5.
        persistent: Sessions and queued messages are to outlive a restart.
        subscribers: That are to share what arrives.
        id_prefixes: What the ids of the charge points begin with; they become levels of topics.
    """

    qos: int = 1
    highest_qos: int = 0
    charge_points: int = 1
    mqtt5: bool = False
    persistent: bool = False
    subscribers: int = 1
    id_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where and how one broker is to run.

    Attributes:
        port: For MQTT over plain TCP.
        log_dir: An existing folder that stays with the run: for configuration files.
        data_dir: An existing, empty folder for everything else; it outlives a restart and is removed in the end.
        settings: In force, by name, in the broker's own words.
        persistent: Sessions and queued messages are to outlive a restart.
        address: IPv4 address to listen on.
    """

    port: int
    log_dir: Path
    data_dir: Path
    settings: Mapping[str, str]
    persistent: bool = False
    address: str = LOOPBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What starts a broker.

    Attributes:
        argv: Executable and arguments. It must become the broker (``exec``), not stay as a wrapper around it: it is
            what is sent signals, and what dies with us.
        config_files: Those written for it.
        environment: Variables beside ours.
    """

    argv: Sequence[str]
    config_files: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class BrokerKind(abc.ABC):
    """A kind of broker that the harness can start.

    Attributes:
        name: As ``--broker`` takes it.
        title: As people write it.
        program: Name of its executable.
        packages: What to install, by package manager, the preferred one first; those known are in
            :mod:`loadtest.brokers.installed`.
        home: Where to read how to install it where none of them is there.
        tuned: Settings in force unless ``--broker-setting`` says otherwise: those that keep a broker from holding back
            what is to be measured. In the broker's own words.
        persistent_settings: What is different when sessions are to outlive a restart.
        known_settings: All there are, when the list is short; ``None``: the broker itself says what it does not know.
        our_settings: Those that the harness decides, such as the port.
        credentials: ``user:password`` that clients need, percent-encoded for the URL; empty: none.
        unfit_in_topics: Characters of a topic that do not reach subscribers as they were published.
        telling: Regular expression of the lines of its log that say why it does not start; empty: the last ones do.
        ready_within_s: How long its start may take on a busy machine.
        stops_within_s: How long its orderly end may take.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    program: ClassVar[str]
    packages: ClassVar[Mapping[str, str]]
    home: ClassVar[str]
    tuned: ClassVar[Mapping[str, str]] = {}
    persistent_settings: ClassVar[Mapping[str, str]] = {}
    known_settings: ClassVar[frozenset[str] | None] = None
    our_settings: ClassVar[frozenset[str]] = frozenset()
    credentials: ClassVar[str] = ""
    unfit_in_topics: ClassVar[str] = ""
    telling: ClassVar[str] = ""
    ready_within_s: ClassVar[float] = 20.0
    stops_within_s: ClassVar[float] = 5.0

    def executable(self) -> str | None:
        """The installed program, also where a user's PATH does not lead; ``None`` when there is none."""
        return find(self.program)

    def install_command(self) -> str:
        """What installs it on this machine."""
        return install_command(self.packages, self.home)

    @abc.abstractmethod
    def version(self) -> str:
        """The version the program states, such as ``2.0.11``; empty when it states none or is not installed."""

    @abc.abstractmethod
    def features(self) -> Features:
        """What the installed version can do."""

    def fitted(self, demand: Demand) -> tuple[Mapping[str, str], Sequence[str]]:
        """Settings that depend on the size of a run, and a sentence for each by which this kind is at a disadvantage.

        Raises:
            UsageError: It cannot do what is demanded.
        """
        return {}, ()

    @abc.abstractmethod
    def prepare(self, site: Site) -> Launch:
        """Write the configuration, and say how to start. Called anew for each restart at the same site.

        Raises:
            UsageError: A setting's value cannot be written down.
        """
