"""A backend of a user's own speaks the encoding it is told to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from loadtest.csms.backend import Backend
from loadtest.protocol.encodings import encoding
from loadtest.protocol.frames import CALL_RESULT


class RecordingClient:
    def __init__(self) -> None:
        self.sent: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()

    def publish(self, topic: bytes, payload: bytes, _qos: int) -> None:
        self.sent.put_nowait((topic, payload))


@pytest.mark.parametrize("chosen", [{"encoding": "protobuf"}, {"envelope": "array"}, {"envelope": "maeve"}, {}])
def test_calls_are_answered_and_commands_sent_in_it(chosen: dict[str, Any]) -> None:
    spoken = encoding(chosen.get("encoding", "json"), chosen.get("envelope", "emqx"))
    backend, client = Backend("mqtt://127.0.0.1", **chosen), RecordingClient()
    backend._client = client  # type: ignore[assignment]

    @backend.on("Authorize")
    async def authorize(_charge_point_id: str, payload: dict[str, Any]) -> dict[str, Any]:
        return {"idTagInfo": {"status": "Accepted" if payload["idTag"] == "good" else "Invalid"}}

    async def scene() -> tuple[bytes, bytes, dict[str, Any]]:
        backend._on_message(b"ocpp/cp/a", spoken.call("u", "Authorize", b'{"idTag":"bad"}'))
        topic, answer = await client.sent.get()
        command = asyncio.create_task(backend.call("a", "GetLocalListVersion"))
        asked = spoken.decode((await client.sent.get())[1])
        backend._on_message(b"ocpp/cp/a/Reply", spoken.call_result(asked.unique_id, asked.action, b'{"listVersion":7}'))
        return topic, answer, await command

    topic, data, answer_to_command = asyncio.run(scene())
    assert answer_to_command == {"listVersion": 7}
    answer = spoken.decode(data)
    assert (topic, answer.message_type, answer.unique_id) == (b"ocpp/cs/a", CALL_RESULT, "u")
    assert bytes(answer.payload) == b'{"idTagInfo":{"status":"Invalid"}}'
