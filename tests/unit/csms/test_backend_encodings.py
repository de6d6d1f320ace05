"""A backend of a user's own speaks the encoding it is told to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from loadtest.csms.backend import Backend
from loadtest.errors import UsageError
from loadtest.protocol.encodings import encoding
from loadtest.protocol.frames import CALL_RESULT
from loadtest.protocol.message_topics import TopicTexts


class RecordingClient:
    def __init__(self) -> None:
        self.sent: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()

    def publish(self, topic: bytes, payload: bytes, _qos: int) -> None:
        self.sent.put_nowait((topic, payload))


def test_topics_that_cannot_be_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"^topics.down: .* are subscribed to alike"):
        Backend("mqtt://127.0.0.1", topics=TopicTexts(down="ocpp/cp/${cid}"))


def test_topics_may_be_others() -> None:
    chosen = TopicTexts("cp/ocpp-${cid}/${action}", "cp/ocpp-${cid}", "cs/${cid}")
    backend, client = Backend("mqtt://127.0.0.1", topics=chosen), RecordingClient()
    backend._client = client  # type: ignore[assignment]
    spoken = encoding("json", "emqx")

    async def scene() -> bytes:
        backend._on_message(b"cp/others-a/Heartbeat", spoken.call("o", "Heartbeat", b"{}"))
        backend._on_message(b"cp/ocpp-a/Heartbeat", spoken.call("u", "Heartbeat", b"{}"))
        topic, answer = await client.sent.get()
        assert (spoken.decode(answer).unique_id, client.sent.empty()) == ("u", True)
        return topic

    assert asyncio.run(scene()) == b"cs/a"


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
