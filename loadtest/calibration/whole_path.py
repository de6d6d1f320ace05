"""Messages on their whole way through gateway and broker: known losses, and the second opinion of aiomqtt."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from loadtest.calibration.clocks import spread
from loadtest.calibration.flawed_relay import FlawedRelay
from loadtest.calibration.trial import Trial
from loadtest.measure.calibration_record import CountFigure, SecondOpinion
from loadtest.measure.tags import INTENDED, UPLINK, Tag
from loadtest.protocol import stamp
from loadtest.protocol.phases import STEADY
from loadtest.runner.gateway_processes import GatewayRequest, start_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from loadtest.control import messages
    from loadtest.measure.ledger import Ledger

_EARLIER_US = 200.0
"""By how much aiomqtt may see messages before our client does: the broker writes to one after the other."""
_LATER_US = 1_000.0
"""By how much after it: aiomqtt hands a message on through a callback, a queue and a task, each time woken anew."""
_BEAT = Tag(STEADY, UPLINK, "Heartbeat", INTENDED)


async def known_losses(folder: Path, broker_url: str, length_s: float) -> list[CountFigure]:
    """Put a relay that loses, repeats and swaps between gateway and broker, with QoS 0, so that nobody mends it."""
    broker = urlsplit(broker_url)
    assert broker.hostname is not None
    assert broker.port is not None
    # A CALL that was lost keeps its charge point waiting for this long.
    trial = Trial(folder, charge_points=100, beat_s=0.25, call_timeout_s=1.0)
    with FlawedRelay(broker.hostname, broker.port) as relay:
        async with trial, contextlib.AsyncExitStack() as parts:
            gateway_url, _ = await asyncio.gather(
                parts.enter_async_context(_gateway(relay.url, folder, qos=0)), trial.listen(broker_url, qos=0)
            )
            await trial.connect(gateway_url)
            await trial.stay(STEADY, length_s)
            ledger = (await trial.finish()).ledger
    assert ledger is not None
    return loss_figures(relay, ledger)


def loss_figures(relay: FlawedRelay, ledger: Ledger) -> list[CountFigure]:
    """What a relay did, and what the ledger says."""
    dropped = {_key(message_id) for message_id, _ in relay.dropped}
    named = {(row.charge_point, sequence) for row in ledger.lost_messages for sequence in row.sequences}
    return [
        CountFigure("messages on their way", relay.calls, ledger.total.sent),
        CountFigure("messages lost", len(relay.dropped), ledger.lost),
        CountFigure("lost messages named, the right ones", len(dropped), len(named & dropped)),
        CountFigure("messages named that were not lost", 0, len(named - dropped)),
        CountFigure("messages duplicated", len(relay.duplicated), ledger.duplicated),
        CountFigure("messages reordered", len(relay.swapped), ledger.reordered),
        CountFigure("equations of the books that do not hold", 0, len(ledger.unbalanced)),
    ]


async def second_opinion(folder: Path, broker_url: str, length_s: float) -> SecondOpinion:
    """Have our client and aiomqtt time the same messages at 200/s, each on a subscription of its own."""
    trial = Trial(folder, charge_points=50, beat_s=0.25)
    async with trial, contextlib.AsyncExitStack() as parts:
        gateway_url, _, beside = await asyncio.gather(
            parts.enter_async_context(_gateway(broker_url, folder, qos=1)),
            trial.listen(broker_url, qos=1),
            trial.listen_beside(broker_url, qos=1),
        )
        await trial.connect(gateway_url)
        await trial.stay(STEADY, length_s)
        run = await trial.finish()
    return SecondOpinion(
        ours=spread(run.totals[_BEAT]),
        aiomqtt=spread(beside.samples(str(_BEAT))),
        earlier_us=_EARLIER_US,
        later_us=_LATER_US,
    )


def _key(message_id: str) -> tuple[int, int]:
    known = stamp.decode(message_id)
    assert known is not None
    return known.charge_point, known.sequence


@contextlib.asynccontextmanager
async def _gateway(broker_url: str, log_dir: Path, *, qos: int) -> AsyncIterator[str]:
    """Our gateway, for the time of a block; its URL."""
    gateway = await start_gateway(GatewayRequest(broker_url=broker_url, qos=qos), log_dir, _ignore)
    try:
        yield gateway.url
    finally:
        await gateway.stop()


def _ignore(_event: messages.Event) -> None:
    """What goes wrong shows in what its clients see."""
