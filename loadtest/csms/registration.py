"""Who is let in: the answer to BootNotification (OCPP 1.6 section 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from loadtest.csms.settings import RegistrationStatus


class Decision(NamedTuple):
    """``interval_s``: between heartbeats when accepted, else the least wait before the next BootNotification."""

    status: RegistrationStatus
    interval_s: int


class Registration:
    """The registration status of every charge point that has booted.

    Args:
        status: Answer to a charge point's first BootNotifications.
        accept_after_boots: To how many of them; 0: to all.
        heartbeat_interval_s: Interval when accepted.
        retry_interval_s: Interval when not.
    """

    def __init__(
        self,
        status: RegistrationStatus = "Accepted",
        *,
        accept_after_boots: int = 0,
        heartbeat_interval_s: int = 300,
        retry_interval_s: int = 10,
    ) -> None:
        self._open = status == "Accepted"
        self._accepted = Decision("Accepted", heartbeat_interval_s)
        self._refused = Decision(status, retry_interval_s)
        self._accept_after_boots = accept_after_boots
        self._boots: dict[bytes, int] = {}  # only those that were refused before; the value stops when accepted

    def boot(self, charge_point: bytes) -> Decision:
        """Book a BootNotification and answer it."""
        if self._open:
            return self._accepted
        boots = self._boots[charge_point] = self._boots.get(charge_point, 0) + 1
        return self._accepted if self._is_accepted(boots) else self._refused

    def admits(self, charge_point: bytes) -> bool:
        """Whether other CALLs are answered: not while Pending or Rejected (OCPP-J 1.6 errata 3.10).

        A charge point that has not booted since we started is taken for accepted: it was, by those before us.
        """
        return self._open or self._is_accepted(self._boots.get(charge_point))

    def _is_accepted(self, boots: int | None) -> bool:
        return boots is None or 0 < self._accept_after_boots < boots
