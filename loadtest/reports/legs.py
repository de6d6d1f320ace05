"""Names of legs as a report says them."""

from __future__ import annotations

from loadtest.measure.tags import COMMAND, CONNECT, DOWNLINK, RECONNECT, REGISTER, REPLY, ROUND_TRIP, UPLINK

LEG_NAMES = {
    ROUND_TRIP: "Round trip",
    UPLINK: "Uplink",
    CONNECT: "Connect",
    REGISTER: "Register",
    RECONNECT: "Reconnect",
    COMMAND: "Command",
    DOWNLINK: "Downlink",
    REPLY: "Reply",
}
LEG_MEANINGS = {
    ROUND_TRIP: "charge point to central system and back",
    UPLINK: "charge point to the MQTT subscriber",
    CONNECT: "TCP and WebSocket handshake, or MQTT connection and subscription",
    REGISTER: "connect start to BootNotification accepted",
    RECONNECT: "connection lost to registered again",
    COMMAND: "central system to charge point and back",
    DOWNLINK: "central system to charge point",
    REPLY: "a charge point's answer to the central system",
}
