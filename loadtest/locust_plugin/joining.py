"""Whether a worker can take part in a run: the same software, the same scenario, and everything within reach."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from loadtest import __version__
from loadtest.errors import EnvironmentNotReady
from loadtest.locust_plugin.description import digest
from loadtest.locust_plugin.host import network_id
from loadtest.scenario import plan as plans
from loadtest.scenario.settings import masked

_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost", "::1"})


class Invitation(msgspec.Struct):
    """What every version of a plan has: whose run it is, and what wrote it."""

    run_tag: int = -1
    version: str = "another"


def join(text: str, invitation: Invitation, locustfile: Path, worker: int) -> plans.Plan:
    """Read the plan of a run for a worker that is to take part.

    Args:
        text: As the master sent it.
        invitation: Read from the same text.
        locustfile: The worker's own scenario.
        worker: Its number.

    Raises:
        EnvironmentNotReady: It cannot.
    """
    if invitation.version != __version__:
        raise EnvironmentNotReady(
            f"worker {worker} runs loadtest {__version__}, the master {invitation.version}",
            hint="install the same version on all machines",
        )
    try:
        plan = plans.decode(text)
    except msgspec.DecodeError as error:
        raise EnvironmentNotReady(
            f"worker {worker} cannot read the master's plan: {error}", hint="install the same version on all machines"
        ) from error
    own = digest(locustfile)
    if own and plan.scenario_sha256 and own != plan.scenario_sha256:
        raise EnvironmentNotReady(
            f"worker {worker} has another scenario than the master: its {locustfile} differs",
            hint="copy the master's file there, or start the worker with -f - to have it sent",
        )
    _refuse_unreachable(plan, worker)
    _refuse_without_files(plan, worker)
    return plan


def _refuse_unreachable(plan: plans.Plan, worker: int) -> None:
    """Refuse a run whose gateway or broker is on the master's loopback interface, and not on ours."""
    if plan.network == network_id():
        return
    parts = (("gateway", plan.gateway_url), ("broker", plan.broker_url))
    hidden = [f"the {name} ({masked(url)})" for name, url in parts if _is_loopback(url)]
    if hidden:
        raise EnvironmentNotReady(
            f"worker {worker} runs on another host than the master, where it cannot reach {' and '.join(hidden)}",
            hint="have them listen on an address of the master's machine with --embedded-address, or give URLs of "
            "others with --gateway and --broker",
        )


def _refuse_without_files(plan: plans.Plan, worker: int) -> None:
    """Refuse a run whose charge points show or trust what is not on this machine."""
    files = [name for name in msgspec.structs.astuple(plan.credentials) if name and "${" not in name]
    missing = [name for name in files if not Path(name).is_file()]
    if missing:
        raise EnvironmentNotReady(
            f"worker {worker} does not have {', '.join(missing)}",
            hint="copy them there; those of --security-profile exist on the master's machine only, where all workers "
            "then have to be",
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in _LOOPBACK_NAMES or host.startswith("127.")
