"""Whatever comes back from EMQX's URL, it ends in an error of ours or in a standing, never in a traceback."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any, cast

from loadtest.brokers.emqx import provisioning, wanted
from loadtest.brokers.emqx.api import Answer
from loadtest.errors import LoadTestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loadtest.brokers.emqx.api import Api

ODD: tuple[Any, ...] = (None, True, -5, 1.5, "x", "", [], [None], {}, {"x": 1})
"""What may stand in the place of anything."""

STATUS = {"running": True, "current_connections": 3}
LISTENER = {**wanted.listener(1), "id": wanted.LISTENER_ID, "status": STATUS}
MQTT = {"type": "tcp", "bind": "0.0.0.0:1883", "status": STATUS}
RIGHT = ({**wanted.GATEWAY, "status": "running"}, [LISTENER], [MQTT], [{"version": "5.9.3"}])
"""The gateway, its listeners, those for MQTT, the nodes."""


class AnsweringApi:
    """Has an answer to each GET, and takes everything else."""

    url = "http://emqx:18083"
    host = "emqx"

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers

    def get(self, path: str) -> Any:
        return self._answers[path]

    def request(self, _method: str, path: str) -> Answer:
        return Answer(200, self._answers[path])

    def put(self, path: str, body: Any = None) -> None:
        """Take it."""

    post = put

    def delete(self, path: str) -> None:
        """Take it."""


def api(gateway: Any, listeners: Any, mqtt: Any, nodes: Any) -> Api:
    paths = ("/gateways/ocpp", "/gateways/ocpp/listeners", "/listeners", "/nodes")
    return cast("Api", AnsweringApi(dict(zip(paths, (gateway, listeners, mqtt, nodes), strict=True))))


def spoiled(right: Any) -> Iterator[Any]:
    """Each way in which one value of an answer can be odd or missing."""
    yield from ODD
    pairs = right.items() if isinstance(right, dict) else enumerate(right) if isinstance(right, list | tuple) else ()
    for place, value in pairs:
        for other in spoiled(value):
            changed = copy.deepcopy(right)
            changed[place] = other
            yield changed
        if isinstance(right, dict):
            yield {name: kept for name, kept in right.items() if name != place}


def test_any_answer_is_survived() -> None:
    tried = 0
    for answers in spoiled(list(RIGHT)):
        if not isinstance(answers, list) or len(answers) != len(RIGHT):
            continue
        answering = api(*answers)
        ask: Callable[[], object]
        for ask in (
            lambda: provisioning.standing(answering, 1),  # noqa: B023 - called at once
            lambda: provisioning.set_up(answering, 1, lambda _: None),  # noqa: B023
            lambda: provisioning.remove(answering, lambda _: None),  # noqa: B023
        ):
            with contextlib.suppress(LoadTestError):
                ask()
        tried += 1
    assert tried > 300


def test_the_answers_of_a_gateway_that_is_as_wanted_make_it_ready() -> None:
    mqtt = [{"type": "ssl", "bind": "0.0.0.0:8883", "status": STATUS}]
    standing = provisioning.standing(api(*RIGHT[:2], mqtt, []), 1)
    assert standing.ready
    assert (standing.connections, standing.broker_url) == (3, "mqtts://emqx:8883")
    assert standing.gateway_url == "ws://emqx:1/ocpp"
