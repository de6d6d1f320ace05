"""EMQX's REST API as far as the OCPP gateway goes, over HTTP: refuses what EMQX refuses, in its words."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

if TYPE_CHECKING:
    from pathlib import Path

KEY, SECRET = "stub-key", "stub-secret"
TOPICS = {"topic": str, "reply_topic": str, "error_topic": str}
GATEWAY_FIELDS: dict[str, Any] = {
    "name": str,
    "enable": bool,
    "enable_stats": bool,
    "mountpoint": str,
    "idle_timeout": str,
    "default_heartbeat_interval": str,
    "heartbeat_checking_times_backoff": int,
    "message_format_checking": str,
    "upstream": TOPICS,
    "dnstream": {"topic": str, "max_mqueue_len": int},
    "listeners": list,
}
LISTENER_FIELDS: dict[str, Any] = {
    "id": str,
    "type": str,
    "name": str,
    "enable": bool,
    "enable_authn": bool,
    "bind": str,
    "max_connections": int,
    "websocket": {
        "path": str,
        "piggyback": str,
        "compress": bool,
        "fail_if_no_subprotocol": bool,
        "supported_subprotocols": str,
    },
}
GENERIC = {"path": "", "piggyback": "single", "fail_if_no_subprotocol": False, "supported_subprotocols": ""}
"""What EMQX 6.1 and later fill in for what was left out."""


class RefusalError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message}


def check(value: Any, fields: dict[str, Any], where: str = "") -> None:
    """Refuse unknown fields and wrong types, as EMQX's schema does."""
    for name, there in value.items():
        kind = fields.get(name)
        if kind is None:
            raise RefusalError(400, "BAD_REQUEST", f"unknown_fields: {where}{name}")
        if isinstance(kind, dict):
            check(there, kind, f"{where}{name}.")
        elif type(there) is not kind:
            raise RefusalError(400, "BAD_REQUEST", f"{where}{name}: unable_to_convert_to_{kind.__name__}")


class EmqxStub:
    """One EMQX node with its REST API on a free loopback port.

    Args:
        mqtt_port: Where its MQTT listener is said to be; None: it has none.
        certificate: PEM file: serve https.

    Attributes:
        gateway: The configuration as accepted; None while it is not loaded.
        listeners: By id.
        broken: Answers whatever is asked with this status and body.
        silent: Listeners never come to run, as with a port that is taken.
        requests: Method and path of each request but GETs.
    """

    def __init__(self, mqtt_port: int | None = 1883, certificate: Path | None = None) -> None:
        self.mqtt_port = mqtt_port
        self.gateway: dict[str, Any] | None = None
        self.listeners: dict[str, dict[str, Any]] = {}
        self.broken: tuple[int, bytes] | None = None
        self.silent = False
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        # Polled this often when it is told to stop; each test would wait half a second otherwise.
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def load(self, body: dict[str, Any]) -> None:
        check(body, GATEWAY_FIELDS)
        for each in body.get("listeners", []):
            self.add_listener(each)
        self.gateway = {name: value for name, value in body.items() if name != "listeners"}

    def add_listener(self, body: dict[str, Any]) -> dict[str, Any]:
        check(body, LISTENER_FIELDS)
        missing = [name for name in ("type", "name", "bind") if name not in body]
        if missing:
            raise RefusalError(400, "BAD_REQUEST", f"Missing required fields: {missing}")
        identity = f"ocpp:{body['type']}:{body['name']}"
        if identity in self.listeners:
            raise RefusalError(400, "BAD_REQUEST", "Listener name has occupied")
        return self.set_listener(identity, body)

    def set_listener(self, identity: str, body: dict[str, Any]) -> dict[str, Any]:
        check(body, LISTENER_FIELDS)
        websocket = {**GENERIC, **body.get("websocket", {})}
        self.listeners[identity] = {
            "enable": True,
            "enable_authn": True,
            **body,
            "id": identity,
            "websocket": websocket,
        }
        return self.listeners[identity]

    def shown_listeners(self) -> list[dict[str, Any]]:
        running = self.gateway is not None and bool(self.gateway.get("enable", True)) and not self.silent
        status = {"running": running, "current_connections": 0, "max_connections": 1024}
        each_node = [{"node": "emqx@127.0.0.1", "status": status}]
        return [{**each, "status": status, "node_status": each_node} for each in self.listeners.values()]

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        match (method, path.removeprefix("/api/v5").strip("/").split("/")):
            case "GET", ["nodes"]:
                return 200, [{"node": "emqx@127.0.0.1", "node_status": "running", "version": "5.9.3"}]
            case "GET", ["listeners"]:
                status = {"running": True, "current_connections": 0, "max_connections": "infinity"}
                kinds = [] if self.mqtt_port is None else [("ssl", self.mqtt_port + 1), ("tcp", self.mqtt_port)]
                return 200, [
                    {"id": f"{kind}:default", "type": kind, "bind": f"0.0.0.0:{port}", "enable": True, "status": status}
                    for kind, port in kinds
                ]
            case "GET", ["gateways", "ocpp"]:
                if self.gateway is None:
                    return 200, {"name": "ocpp", "status": "unloaded"}
                state = "running" if self.gateway.get("enable", True) else "stopped"
                return 200, {**self.gateway, "listeners": list(self.listeners.values()), "status": state}
            case "PUT", ["gateways", "ocpp"]:
                self.load(body if self.gateway is None else {k: v for k, v in body.items() if k != "listeners"})
                return 204, None
            case _, ["gateways", "ocpp", *_] if self.gateway is None:
                raise RefusalError(404, "RESOURCE_NOT_FOUND", "Gateway is unloaded")
            case "PUT", ["gateways", "ocpp", "enable", wanted]:
                assert self.gateway is not None
                self.gateway["enable"] = wanted == "true"
                return 204, None
            case "GET", ["gateways", "ocpp", "listeners"]:
                return 200, self.shown_listeners()
            case "POST", ["gateways", "ocpp", "listeners"]:
                return 201, self.add_listener(body)
            case "PUT", ["gateways", "ocpp", "listeners", identity] if identity in self.listeners:
                return 200, self.set_listener(identity, body)
            case "DELETE", ["gateways", "ocpp", "listeners", identity] if identity in self.listeners:
                del self.listeners[identity]
                return 204, None
        raise RefusalError(404, "NOT_FOUND", "Not found")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
                if self.command != "GET":
                    stub.requests.append(f"{self.command} {self.path}")
                if stub.broken is not None:
                    self._send(*stub.broken)
                    return
                try:
                    self._authenticate()
                    status, value = stub.answer(self.command, unquote(self.path), body)
                except RefusalError as refusal:
                    status, value = refusal.status, refusal.body
                self._send(status, b"" if value is None else json.dumps(value).encode())

            do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - http.server's names

            def _authenticate(self) -> None:
                expected = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
                if self.headers["Authorization"] != expected:
                    raise RefusalError(401, "BAD_API_KEY_OR_SECRET", "Check api_key/api_secret")

            def _send(self, status: int, content: bytes) -> None:
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
