"""Which broker a run gets, and why."""

from __future__ import annotations

from dataclasses import dataclass

from loadtest.brokers import external
from loadtest.brokers.kinds import KINDS
from loadtest.errors import EnvironmentNotReady, UsageError
from loadtest.scenario.settings import AUTO

PREFERRED, STAND_IN = "mosquitto", "amqtt"


@dataclass(frozen=True, slots=True)
class Choice:
    """A broker chosen but not yet started.

    Attributes:
        kind: The name of a kind, or ``external``.
        why: The reason, as a clause for people and for the run record.
        url: The URL given, for ``external``.
    """

    kind: str
    why: str
    url: str = ""


def choose(wanted: str) -> Choice:
    """Settle what ``auto``, a kind or a URL means on this machine.

    Raises:
        UsageError: Neither a known kind nor an ``mqtt://`` URL.
        EnvironmentNotReady: The kind asked for is not installed.
    """
    if wanted == AUTO:
        preferred = KINDS[PREFERRED]
        if preferred.executable():
            return Choice(PREFERRED, f"{preferred.title} is installed")
        return Choice(
            STAND_IN,
            f"{preferred.title} is not installed, so {STAND_IN} stands in, with about a tenth of its capacity; "
            f"to install {preferred.title}: {preferred.install_command()}",
        )
    if wanted in KINDS:
        kind = KINDS[wanted]
        if not kind.executable():
            raise EnvironmentNotReady(
                f"{kind.title} is not installed",
                hint=f"install it: {kind.install_command()}; or take --broker {STAND_IN}",
            )
        return Choice(wanted, "asked for by name")
    if "://" in wanted:
        external.check_url(wanted)
        return Choice(external.KIND, "asked for by URL", wanted)
    raise UsageError(
        f"there is no broker {wanted!r}",
        hint=f"one of {', '.join((AUTO, *KINDS))}, or a URL like mqtt://127.0.0.1:1883",
    )
