"""Valid inputs of every target: what a run begins with, and what property tests change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz import gateway_targets, message_targets, mqtt_targets, websocket_targets

from loadtest.protocol import protobuf_encoding, schemas
from loadtest.transport import mqtt5_codec
from loadtest.transport import mqtt_codec as codec
from loadtest.transport import websocket_frames as ws

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE = b"\0\0"
"""The first two bytes of an input whose stream is not cut."""

TEXTS = (
    b'[2,"a1","Heartbeat",{}]',
    b'[2,"19223201","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]',
    (
        b'[2,"a2","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2026-01-31T12:00:00.123Z","sampledValue":['
        b'{"value":"1","context":"Sample.Periodic","unit":"Wh"},{"value":"2.5","unit":"W"}]}]}]'
    ),
    b'[2,"a3","StopTransaction",{"transactionId":7,"idTag":"A","meterStop":9,"timestamp":"2026-01-31T12:00:00Z"}]',
    b'[3,"b1",{"status":"Accepted","currentTime":"2026-01-31T12:00:00Z","interval":300}]',
    b'[3,"b2",{"transactionId":-1,"idTagInfo":{"status":"Blocked"}}]',
    b'[4,"c1","NotSupported","SetDisplayMessage not \\u00fcber \\"it\\"",{"a":[null,true,1.5e-3]}]',
    b'[3,"d1",{}][3,"d2",{"status":"\xc3\xa4"}]\n[2,"d3","Reset",{"type":"Soft"}]',
)
AWKWARD = (
    b'[2,"+#","a/b#\\u0000",{}]',
    b'[2,{"a":"+"},["#"],{}]',
    b'[2,"\\ud800","/",{}]',
    b'[3,"' + b"#" * 300 + b'",{}]',
    b"[2,5.0,null,{}]",
)
"""Frames that are valid JSON, and would be trouble as a part of a topic."""

ENVELOPES = (
    b'{"MessageTypeId":2,"UniqueId":"a1","Action":"Reset","Payload":{"type":"Hard"}}',
    b'{"MessageTypeId":3,"UniqueId":"b1","Payload":{"status":"Accepted","currentTime":"x","interval":300}}',
    b'{"MessageTypeId":4,"UniqueId":"c1","ErrorCode":"InternalError","ErrorDescription":"x","ErrorDetails":{"a":1}}',
    b'{ "Payload" : {"status":"Accepted","interval":-1} , "Further":[1,2], "UniqueId":"\\u00e9", "MessageTypeId": 3}',
)
PAYLOADS = (
    b"{}",
    b'{"idTag":"A1"}',
    b'{"connectorId":1,"errorCode":"NoError","status":"Available","timestamp":"2026-01-31T12:00:00Z"}',
    b'{"connectorId":1,"meterValue":[{"timestamp":"2026-01-31T12:00:00Z","sampledValue":[{"value":"1"}]}]}',
    (
        b'{"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxProfile",'
        b'"chargingProfileKind":"Relative","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":'
        b'[{"startPeriod":0,"limit":21.4,"numberPhases":3}]}}}'
    ),
)
BINARY = (
    protobuf_encoding.call("a1", "Heartbeat", b"{}"),
    protobuf_encoding.call("a2", "StatusNotification", PAYLOADS[2]),
    protobuf_encoding.call("a3", "MeterValues", PAYLOADS[3]),
    protobuf_encoding.call("a4", "SetChargingProfile", PAYLOADS[4]),
    protobuf_encoding.call_result("b1", "Reset", b'{"status":"Accepted"}'),
    protobuf_encoding.call_error("c1", "Reset", "InternalError", "x", b'{"a":1}'),
)
REQUEST = gateway_targets.REQUEST % b"CP-1%20a"
ACCEPTANCE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n"
    b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n" % websocket_targets.ACCEPT_HERE
)


def _fragment(frame: bytes, opcode: int, *, final: bool) -> bytes:
    return bytes(((0x80 if final else 0) | opcode,)) + frame[1:]


def _streams(write: Callable[[int, bytes], bytes]) -> tuple[bytes, ...]:
    """Frames of one side: whole, fragmented with a ping between, of each width of length, closing."""
    fragments = (
        _fragment(write(ws.TEXT, TEXTS[0][:7]), ws.TEXT, final=False),
        write(ws.PING, b"?"),
        _fragment(write(ws.TEXT, b""), ws.CONTINUATION, final=False),
        _fragment(write(ws.TEXT, TEXTS[0][7:]), ws.CONTINUATION, final=True),
    )
    return (
        b"".join(write(ws.TEXT, text) for text in TEXTS),
        b"".join(fragments),
        write(ws.TEXT, b"x" * 126) + write(ws.BINARY, b"\0\xff") + write(ws.PONG, b""),
        write(ws.TEXT, b"x" * 0x1_0000),
        write(ws.TEXT, TEXTS[0]) + write(ws.CLOSE, ws.close_payload(1000, "bye")) + write(ws.TEXT, TEXTS[1]),
        write(ws.CLOSE, b""),
    )


def _client_frame(opcode: int, payload: bytes) -> bytes:
    """As :func:`ws.client_frame`, with a mask that is always the same."""
    mask, length = b"\1\2\3\4", len(payload)
    unmasked = ws.server_frame(opcode, payload)
    head = unmasked[: len(unmasked) - length]
    return head[:1] + bytes((head[1] | 0x80,)) + head[2:] + mask + ws.unmask(payload, mask)


_AWKWARD = b"".join(_client_frame(ws.TEXT, text) for text in AWKWARD)
_FROM_CLIENT, _FROM_SERVER = _streams(_client_frame), _streams(ws.server_frame)
_MQTT = (
    codec.publish(b"ocpp/cs/A", ENVELOPES[0]) + codec.publish(b"ocpp/cs/A", ENVELOPES[1], 1, 7),
    codec.publish(b"a/b", b"x", 2, 9) + codec.duplicate(codec.publish(b"a/b", b"x", 2, 9)) + codec.pubrel(9),
    codec.publish(b"t", b"x" * 300, 1, 0xFFFF, retain=True),
    b"\x90\x03\0\1\2" + b"".join(codec.puback(n) + codec.pubrec(n) + codec.pubcomp(n) for n in range(1, 6)),
    b"\xd0\0\xb0\2\0\1\x20\2\1\0\x20\2\0\5",
)
_MQTT_5 = (
    mqtt5_codec.publish(b"down", ENVELOPES[0], 1, 7, properties=b"\x08\x00\x02re\x09\x00\x01\x01\x02\x00\x00\x00\x1e"),
    mqtt5_codec.publish(b"down", ENVELOPES[1]) + mqtt5_codec.publish(b"down", b"x", 2, 9) + codec.pubrel(9),
    b"".join(mqtt5_codec.acknowledgement(codec.puback(n), 0x97) + codec.pubrec(n) for n in range(1, 6)),
    mqtt5_codec.disconnect(0x9D, b"\x1c\x00\x06b:1883") + b"\xf0\x06\x18\x04\x15\x00\x01m",  # and AUTH
)
_NO = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 14\r\n\r\nno_subprotocol"


def _each_setting(streams: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(bytes((n, 0)) + stream for n in range(len(gateway_targets.SETTINGS)) for stream in streams)


TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "websocket_server_frames": (websocket_targets.server_frames, tuple(WHOLE + s for s in _FROM_CLIENT)),
    "websocket_client_frames": (websocket_targets.client_frames, tuple(WHOLE + s for s in _FROM_SERVER)),
    "websocket_server_handshake": (
        websocket_targets.server_handshake,
        (WHOLE + REQUEST + _FROM_CLIENT[0], WHOLE + REQUEST.replace(b"/ocpp", b"/no"), b"\0\1" + REQUEST),
    ),
    "websocket_client_handshake": (
        websocket_targets.client_handshake,
        (
            WHOLE + ACCEPTANCE + _FROM_SERVER[0],
            b"\0\1" + _NO,
            WHOLE + b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfull\r\n0\r\n\r\n",
        ),
    ),
    "mqtt_decoder": (mqtt_targets.decoder, tuple(WHOLE + s for s in _MQTT)),
    "mqtt_client": (mqtt_targets.client, tuple(WHOLE + s for s in _MQTT)),
    "mqtt_wire": (mqtt_targets.wire, tuple(WHOLE + s for s in (*_MQTT, *_MQTT_5))),
    "ocpp_frames": (message_targets.ocpp_frames, TEXTS),
    "translate_up": (message_targets.translate_up, TEXTS),
    "translate_down": (message_targets.translate_down, ENVELOPES),
    "csms_envelopes": (message_targets.csms_envelopes, (*ENVELOPES, *TEXTS, *BINARY)),
    "schema_check": (
        message_targets.schema_check,
        tuple(bytes((number,)) + payload for number in range(len(schemas.ACTIONS)) for payload in PAYLOADS),
    ),
    "gateway_charge_point": (gateway_targets.charge_point, _each_setting((*_FROM_CLIENT, _AWKWARD))),
    "gateway_stranger": (gateway_targets.stranger, _each_setting((REQUEST + _FROM_CLIENT[0], REQUEST))),
    "gateway_broker": (
        gateway_targets.broker,
        tuple(bytes((n,)) + b"ocpp/cs/nobody\n" + envelope for n in range(3) for envelope in ENVELOPES),
    ),
}
"""Every target with its seeds."""
