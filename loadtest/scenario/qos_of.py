"""Quality of service of single kinds of message as it is written: ``action=qos``, several parted by semicolons."""

from __future__ import annotations

from loadtest.errors import UsageError
from loadtest.protocol.actions import FROM_CHARGE_POINT
from loadtest.scenario.suggestions import did_you_mean

_KNOWN = ("0", "1", "2")


def qos_of(text: str) -> dict[str, int]:
    """Read it; returns the quality of service by action.

    Raises:
        UsageError: With each part that says nothing, or something that cannot be.
    """
    faults: list[str] = []
    found: dict[str, int] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        action, _, qos = (word.strip() for word in part.partition("="))
        if qos not in _KNOWN:
            faults.append(f"{part!r} is not an action and its QoS (0, 1 or 2), such as MeterValues=0")
        elif action not in FROM_CHARGE_POINT:
            faults.append(f"charge points send no {action!r}{did_you_mean(action, FROM_CHARGE_POINT)}")
        elif action in found:
            faults.append(f"{action} is given twice")
        else:
            found[action] = int(qos)
    if faults:
        raise UsageError(faults)
    return found
