"""EMQX's REST API (``/api/v5``): requests, and what can go wrong with them, one sentence each.

Requests go straight to the host named, never through a proxy and never along a redirection: they carry a secret.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import ssl
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from loadtest.errors import EnvironmentNotReady, UsageError
from loadtest.transport import tls

TIMEOUT_S = 10.0
DEFAULT_PORT = 18083
_PREFIX = "/api/v5"
_LONGEST_ANSWER = 1 << 20
_KEY_HINT = "an API key and its secret are made in EMQX's dashboard under System, API Keys; has it expired?"
_NOT_EMQX_HINT = f"--api takes the URL of EMQX's dashboard, such as http://host:{DEFAULT_PORT}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What EMQX answered.

    Attributes:
        status: The HTTP status.
        body: The JSON value; None when there is none.
    """

    status: int
    body: Any

    @property
    def reason(self) -> str:
        """What EMQX says is wrong; empty when this is no complaint of EMQX's."""
        if not isinstance(self.body, dict) or "code" not in self.body:
            return ""
        message = self.body.get("message", "")
        text = message if isinstance(message, str) else json.dumps(message)
        return " ".join(f"{self.body['code']} {text}".split())


class Api:
    """EMQX's REST API at one URL.

    Args:
        url: ``http://host:port`` or ``https://…``, as the dashboard is reached.
        key: API key.
        secret: Its secret; it appears in no message.
        ca_file: PEM file of the authorities to trust; empty: those of the system.

    Raises:
        UsageError: The URL is none of these, or the file cannot be used.
    """

    def __init__(self, url: str, key: str, secret: str, ca_file: str = "") -> None:
        shown = url.rpartition("@")[2]
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError(f"--api {shown!r}: {error}", hint=_NOT_EMQX_HINT) from None
        if parts.scheme not in ("http", "https") or not host or parts.path not in ("", "/") or parts.query:
            raise UsageError(f"--api {shown!r} is not http://host:port or https://host:port", hint=_NOT_EMQX_HINT)
        if parts.username is not None:
            raise UsageError("--api takes no user name and no password", hint="the environment holds key and secret")
        self.host = host
        self._port = port or (443 if parts.scheme == "https" else 80)
        self._tls = tls.client_context(ca_file) if parts.scheme == "https" else None
        self.url = f"{parts.scheme}://{_bracketed(host)}:{self._port}"
        self._authorization = "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()

    def get(self, path: str) -> Any:
        """The JSON value at a path below ``/api/v5``. For the errors, see :meth:`request`."""
        return self._accepted("GET", path, None).body

    def put(self, path: str, body: Any = None) -> None:
        """Set what is at a path. For the errors, see :meth:`request`."""
        self._accepted("PUT", path, body)

    def post(self, path: str, body: Any) -> None:
        """Add to what is at a path. For the errors, see :meth:`request`."""
        self._accepted("POST", path, body)

    def delete(self, path: str) -> None:
        """Remove what is at a path. For the errors, see :meth:`request`."""
        self._accepted("DELETE", path, None)

    def _accepted(self, method: str, path: str, body: Any) -> Answer:
        answer = self.request(method, path, body)
        if not 200 <= answer.status < 300:
            self._refused(method, path, answer)
        return answer

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        """One request and whatever the answer to it is, but for a key that is refused.

        Raises:
            EnvironmentNotReady: Nobody is there, it is not EMQX, it refuses the key, or it is out of order; says which.
        """
        headers = {"Authorization": self._authorization, "Accept": "application/json"}
        content = None
        if body is not None:
            content, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        connection = self._connection()
        try:
            connection.request(method, _PREFIX + path, content, headers)
            response = connection.getresponse()
            status, said = response.status, response.read(_LONGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()
        answer = Answer(status, _json(said))
        if status in (401, 403) or status >= 500:
            self._refused(method, path, answer)
        if 300 <= status < 400 or (said and answer.body is None) or (status >= 400 and not answer.reason):
            raise EnvironmentNotReady(f"what answers at {self.url} is not EMQX's API", hint=_NOT_EMQX_HINT)
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self.host, self._port, timeout=TIMEOUT_S)
        return http.client.HTTPSConnection(self.host, self._port, timeout=TIMEOUT_S, context=self._tls)

    def _refused(self, method: str, path: str, answer: Answer) -> NoReturn:
        said = f": {answer.reason}" if answer.reason else ""
        if answer.status == 401:
            raise EnvironmentNotReady(f"EMQX at {self.url} refuses the API key{said}", hint=_KEY_HINT)
        if answer.status == 403:
            raise EnvironmentNotReady(
                f"EMQX at {self.url} does not let this API key {method} {path}{said}",
                hint="the key's role must be administrator",
            )
        what = "is out of order" if answer.status >= 500 else "refuses"
        hint = "its own log says more" if answer.status >= 500 else ""
        raise EnvironmentNotReady(
            f"EMQX at {self.url} {what}: {method} {path} gave {answer.status}{said.replace(': ', ' ', 1)}", hint=hint
        )

    def _unreachable(self, error: OSError | http.client.HTTPException) -> EnvironmentNotReady:
        there = f"EMQX's API at {self.url}"
        if isinstance(error, TimeoutError):
            return EnvironmentNotReady(f"{there} did not answer within {TIMEOUT_S:g} s", hint=_NOT_EMQX_HINT)
        if isinstance(error, ssl.SSLError):
            if tls.failure(error.reason) == tls.NOT_TLS:
                return EnvironmentNotReady(f"{there} cannot be reached: no TLS is spoken there", hint="write http://")
            return EnvironmentNotReady(f"{there} cannot be reached: {tls.in_words(error)}")
        if isinstance(error, socket.gaierror):
            return EnvironmentNotReady(f"{there} cannot be reached: no host has that name")
        if isinstance(error, (http.client.HTTPException, ConnectionResetError)):
            return EnvironmentNotReady(
                f"what answers at {self.url} does not speak HTTP",
                hint=f"{_NOT_EMQX_HINT}; where it serves TLS, write https://",
            )
        reason = os.strerror(error.errno) if error.errno else str(error)
        return EnvironmentNotReady(
            f"{there} cannot be reached: {reason}", hint=f"is EMQX running? its dashboard's port is {DEFAULT_PORT}"
        )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _json(said: bytes) -> Any:
    try:
        return json.loads(said)
    except ValueError:
        return None
