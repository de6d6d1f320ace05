"""Whether energy registers ever run backwards, as the central system sees them.

Of one charge point in :data:`SHARE` every transaction message is looked into: the start, the meter values and the stop
of a connector never show less than the one before, and the stop's own values rise to its end. A message that came out
of order, or again, says nothing about that and is not looked at.
"""

from __future__ import annotations

import msgspec

SHARE = 8
"""Looking into a message costs a few µs, as much as a third of all else that is done with it."""

_REGISTER = "Energy.Active.Import.Register"
_ROUNDING_WH = 1.0
_MOST_CONNECTORS = 1 << 16


class _Sampled(msgspec.Struct, gc=False):
    value: str
    measurand: str = _REGISTER
    unit: str = "Wh"
    phase: str = ""


class _MeterValue(msgspec.Struct, gc=False):
    sampledValue: list[_Sampled] = []  # noqa: N815 - the name on the wire


class _Payload(msgspec.Struct, gc=False):
    """What the three messages have in common."""

    connectorId: int = 0  # noqa: N815 - the name on the wire
    transactionId: int = -1  # noqa: N815
    meterStart: float | None = None  # noqa: N815
    meterStop: float | None = None  # noqa: N815
    meterValue: list[_MeterValue] = []  # noqa: N815
    transactionData: list[_MeterValue] = []  # noqa: N815


_decode = msgspec.json.Decoder(_Payload).decode


class EnergyRegisters:
    """The registers of all connectors that are looked at.

    Attributes:
        checked: Messages looked at.
        backwards: Of them, those that show less than one before.
    """

    def __init__(self) -> None:
        self.checked = self.backwards = 0
        self._last_wh: dict[tuple[int, int], float] = {}
        self._connectors: dict[tuple[int, int], int] = {}

    def note(self, charge_point: int, payload: bytes) -> None:
        """Look into the payload of a transaction message."""
        try:
            message = _decode(payload)
            self._check(charge_point, message)
        except (msgspec.DecodeError, ValueError):
            return  # not valid; told by those who check messages

    def _check(self, charge_point: int, message: _Payload) -> None:
        transaction = charge_point, message.transactionId
        if message.meterStop is None:
            connector: int | None = message.connectorId
            if message.meterStart is None and message.transactionId >= 0:
                if len(self._connectors) >= _MOST_CONNECTORS:  # so many stops never came
                    self._connectors.clear()
                self._connectors[transaction] = message.connectorId  # a stop does not name it
        else:
            connector = self._connectors.pop(transaction, None)
        shown = [wh for wh in (message.meterStart,) if wh is not None]
        shown += _registers(message.meterValue)
        shown += _registers(message.transactionData)
        shown += [wh for wh in (message.meterStop,) if wh is not None]
        if message.meterStop is not None:
            self._compare(None, shown)  # among themselves
            shown = shown[-1:]
        self._compare(None if connector is None else (charge_point, connector), shown)
        self.checked += 1

    def _compare(self, register: tuple[int, int] | None, shown: list[float]) -> None:
        last = shown[0] if register is None and shown else self._last_wh.get(register or (0, 0), 0.0)
        if any(following < one - _ROUNDING_WH for one, following in zip([last, *shown], shown, strict=False)):
            self.backwards += 1
        if register is not None and shown:
            self._last_wh[register] = shown[-1]


def _registers(values: list[_MeterValue]) -> list[float]:
    return [
        float(sampled.value) * (1000 if sampled.unit == "kWh" else 1)
        for value in values
        for sampled in value.sampledValue
        if sampled.measurand == _REGISTER and not sampled.phase
    ]
