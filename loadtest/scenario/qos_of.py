"""Quality of service of single kinds of message as it is written: ``action=qos``, several parted by semicolons."""

from __future__ import annotations

from loadtest.errors import UsageError
from loadtest.protocol.actions import FROM_CHARGE_POINT
from loadtest.scenario.suggestions import did_you_mean

_KNOWN = ("0", "1", "2")


def qos_of(text: str, highest: int) -> dict[str, int]:
    """Read it.

    Args:
        text: As written.
        highest: With which the central system subscribes: a broker delivers with no more (MQTT 3.1.1 section 3.8.4).

    Returns:
        The quality of service by action.

    Raises:
        UsageError: With each part that says nothing, or something that cannot be.
    """
    faults: list[str] = []
    found: dict[str, int] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        action, _, qos = (word.strip() for word in part.partition("="))
        if qos not in _KNOWN:
            faults.append(f"{part!r} is not an action and its QoS, such as MeterValues=0")
        elif action not in FROM_CHARGE_POINT:
            faults.append(f"charge points send no {action!r}{did_you_mean(action, FROM_CHARGE_POINT)}")
        elif action in found:
            faults.append(f"{action} is given twice")
        elif int(qos) > highest:
            faults.append(
                f"{part!r} is above --qos {highest}, with which the central system subscribes: "
                "raise --qos, and lower other messages"
            )
        else:
            found[action] = int(qos)
    if faults:
        raise UsageError(faults)
    return found
