"""A server of MQTT 5 in a thread that lets everybody in, or sends everybody elsewhere; its bytes are a stranger's."""

from __future__ import annotations

import socketserver
import threading
from typing import TYPE_CHECKING, Self

import mqtt5

if TYPE_CHECKING:
    import ssl

LET_IN = mqtt5.ConnAckPacket()


def elsewhere(reference: str, *, for_good: bool = False) -> mqtt5.ConnAckPacket:
    """A CONNACK that names other servers."""
    codes = mqtt5.ConnAckReasonCode
    code = codes.SERVER_MOVED if for_good else codes.USE_ANOTHER_SERVER
    return mqtt5.ConnAckPacket(reason_code=code, server_reference=reference)


class Mqtt5Stub:
    """Use as a context manager.

    Args:
        connack: Its answer to everybody.
        context: Of TLS, if it is spoken.

    Attributes:
        clients: The client ids of all CONNECTs, in their order.
        connack: Its answer to everybody.
        port: On 127.0.0.1.
    """

    def __init__(self, connack: mqtt5.ConnAckPacket = LET_IN, context: ssl.SSLContext | None = None) -> None:
        self.clients: list[str] = []
        stub = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                stub._serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 1_000

        self.connack = connack
        self._server = Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _serve(self, connection: ssl.SSLSocket) -> None:
        received = b""
        try:
            while data := connection.recv(65_536):
                received = self._answer(connection, received + data)
        except OSError:
            return  # it is gone

    def _answer(self, connection: ssl.SSLSocket, received: bytes) -> bytes:
        """Answer every whole packet; returns what is left."""
        while received:
            try:
                packet, length = mqtt5.read(memoryview(received))
            except IndexError:
                break
            received = received[length:]
            if isinstance(packet, mqtt5.ConnectPacket):
                self.clients.append(packet.client_id)
                connection.sendall(self.connack.write())
            elif isinstance(packet, mqtt5.SubscribePacket):
                granted = mqtt5.SubAckReasonCode.GRANTED_QOS_EXACTLY_ONCE
                connection.sendall(mqtt5.SubAckPacket(packet.packet_id, [granted]).write())
            elif isinstance(packet, mqtt5.DisconnectPacket):
                raise ConnectionAbortedError  # it is for the server to end TCP
        return received
