"""The child's end of the channel, on a real socketpair."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from loadtest.control import messages
from loadtest.control.child import CONTROL_FD, ControlChannel, open_control_channel
from loadtest.errors import HarnessError
from loadtest.transport.loop import run

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def parents_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The parent's end; the other is announced in the environment as a child finds it."""
    before = signal.getsignal(signal.SIGINT)
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    monkeypatch.setenv(CONTROL_FD, str(os.dup(theirs.fileno())))
    theirs.close()
    yield ours
    ours.close()
    signal.signal(signal.SIGINT, before)


def test_commands_come_in_order_notices_leave_and_the_end_is_noticed(parents_end: socket.socket) -> None:
    sent: list[messages.Command] = [messages.AddCohort(number, 1) for number in range(100)]
    received: list[messages.Command] = []

    async def child() -> None:
        gone, all_there = asyncio.Event(), asyncio.Event()

        def take(command: messages.Command) -> None:
            received.append(command)
            if len(received) == len(sent):
                all_there.set()

        channel = await open_control_channel(take, gone.set)
        assert CONTROL_FD not in os.environ, "grandchildren have no business with it"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        await asyncio.wait_for(all_there.wait(), 5)
        channel.send(messages.Ready(1))
        assert channel.backlog_bytes == 0
        await asyncio.to_thread(end_of_parent)
        await asyncio.wait_for(gone.wait(), 5)
        channel.send(messages.Ready(2))  # nobody is there: nothing happens
        assert channel.backlog_bytes == 0

    def end_of_parent() -> None:
        splitter = messages.FrameSplitter()
        while not (bodies := splitter.feed(parents_end.recv(100))):
            pass
        assert messages.decode_notice(bodies[0]) == messages.Ready(1)
        parents_end.close()

    parents_end.sendall(b"".join(messages.encode(command) for command in sent))
    run(child())
    assert received == sent


def test_commands_wait_until_their_owner_is_ready() -> None:
    received: list[messages.Command] = []
    channel = ControlChannel(received.append, lambda: None)
    channel.data_received(messages.encode(messages.Drain(1)))
    assert received == []
    channel.start()
    channel.data_received(messages.encode(messages.Drain(2)))
    assert received == [messages.Drain(1), messages.Drain(2)]


@pytest.mark.parametrize("value", [None, "", "three"])
def test_without_a_parent_there_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv(CONTROL_FD, raising=False)
    if value is not None:
        monkeypatch.setenv(CONTROL_FD, value)
    with pytest.raises(HarnessError, match="started by the harness itself"):
        run(open_control_channel(lambda _: None, lambda: None))
