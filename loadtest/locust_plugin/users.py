"""The Locust user classes. A scenario subclasses each and says what is special about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gevent.event import Event
from locust import User, task

import loadtest.locust_plugin.hooks  # noqa: F401 - importing it hooks the harness into Locust
from loadtest.errors import UsageError
from loadtest.measure.limits import Limits
from loadtest.scenario.commands import CommandLoad
from loadtest.scenario.profile import ChargePointProfile
from loadtest.scenario.settings import DIRECT

if TYPE_CHECKING:
    from loadtest.locust_plugin.node import Node
    from loadtest.scenario.faults import Fault
    from loadtest.scenario.threshold import Threshold


class _Part(User):
    """A Locust user that stands for work done in a child process; it only marks that the work goes on."""

    abstract = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Locust reads these before anything of ours is asked: it would fail without naming a class, or leave it out.

        Raises:
            UsageError: A weight or a fixed count is no number, or below zero.
        """
        super().__init_subclass__(**kwargs)
        named = {"weight": cls.weight, "fixed_count": cls.fixed_count}
        wrong = {name: value for name, value in named.items() if not isinstance(value, (int, float)) or value < 0}
        if wrong:
            raise UsageError([f"{cls.__name__}.{name}: {value!r} is no number from 0" for name, value in wrong.items()])

    @task
    def stay(self) -> None:
        """Wait until Locust stops this user."""
        Event().wait()

    @property
    def node(self) -> Node:
        """The children of this Locust process."""
        node: Node = self.environment.loadtest_node
        return node


class ChargePointFleet(_Part):
    """A cohort of charge points of one kind.

    Each Locust user of this class is one cohort. The fleet's charge points (``--charge-points``) are shared out among
    all such classes; the share of each is cut into its cohorts.

    Attributes:
        weight: Its part of the fleet's charge points, in relation to the weights of the other classes.
        fixed_count: Exactly so many charge points, whatever the size of the fleet; 0: by weight.
        profile: What kind of charge point it is and how it behaves.
        path: ``gateway`` or ``direct``; empty: as ``--path`` says.
    """

    abstract = True
    profile: ClassVar[ChargePointProfile] = ChargePointProfile()
    path: ClassVar[str] = ""

    def on_start(self) -> None:
        """Ask the master for charge points; called by Locust."""
        self.node.request_cohort(self)

    def on_stop(self) -> None:
        """Give the charge points up; called by Locust."""
        self.node.release_cohort(self)


class MqttChargePointFleet(ChargePointFleet):
    """A cohort of charge points that are MQTT clients themselves, whatever ``--path`` says of others.

    The rest is as of :class:`ChargePointFleet`: a scenario may have both.
    """

    abstract = True
    path = DIRECT


class CsmsSubscriber(_Part):
    """The central system's end: subscribes behind the broker, measures, and answers unless it only observes.

    Each Locust user of this class is one subscriber process; ``--subscribers`` says how many there are.

    Attributes:
        heartbeat_interval_s: Heartbeat interval given to charge points with ``BootNotification.conf``.
        commands: What the central system asks of charge points during the steady phase; nothing unless said.
        faults: What is broken on purpose during the steady phase, and when.
        limits: What the verdict holds the run against.
        thresholds: What else it holds it against: latencies, rates, times until charge points are back.
    """

    abstract = True
    fixed_count = 1
    heartbeat_interval_s: ClassVar[int] = 10
    commands: ClassVar[CommandLoad] = CommandLoad()
    faults: ClassVar[tuple[Fault, ...]] = ()
    limits: ClassVar[Limits] = Limits()
    thresholds: ClassVar[tuple[Threshold, ...]] = ()

    def on_start(self) -> None:
        """Ask the master for a place in the group of subscribers; called by Locust."""
        self.node.request_subscriber(self)
