"""Who is let in: the URL, the subprotocol, credentials (contract 1.1 and 1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.conformance.charge_point import SUBPROTOCOL, basic
from loadtest.conformance.findings import Finding, Nonconformity, deviating, passed
from loadtest.conformance.http_request import request, upgrade_request
from loadtest.conformance.row import ANONYMOUS, AUTHENTICATED, BELOW_A_PATH, Theme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadtest.conformance.bench import Bench
    from loadtest.conformance.http_request import Answer

theme = Theme("handshake")

OFFER = "Sec-WebSocket-Protocol"
CRASH = "EMQX's handler crashes and answers 500"
WITHOUT_OFFER = "EMQX from 5.10 lets in whoever offers nothing, and selects ocpp1.6"


async def _ask(
    bench: Bench, path: str, offer: str | None = SUBPROTOCOL, headers: Mapping[str, str] | None = None
) -> Answer:
    """An upgrade request, with the target's own credentials unless others are given."""
    target = bench.target
    wanted = {} if offer is None else {OFFER: offer}
    if target.credentials is not None:
        wanted["Authorization"] = basic(*target.credentials.of(path.rpartition("/")[2]))
    return await upgrade_request(target, path, wanted | dict(headers or {}))


def _refused(answer: Answer, status: int = 400, *, crashes: bool = False) -> Finding:
    """The answer must be a refusal with this status; where EMQX is known to crash, 500 is a deviation."""
    if answer.status == status:
        return passed(f"answered {answer}")
    if crashes and answer.status == 500:
        return deviating(f"answered {answer}", CRASH)
    raise Nonconformity(f"answered {answer} instead of {status}")


def _selected(answer: Answer) -> Finding:
    """The answer must be 101 with ``ocpp1.6``."""
    if answer.status != 101:
        raise Nonconformity(f"answered {answer} instead of 101")
    if answer.subprotocol != SUBPROTOCOL:
        raise Nonconformity(f"answered 101 with subprotocol {answer.subprotocol!r}")
    return passed(f"answered 101 with {answer.subprotocol}")


@theme.row("1.2")
async def accepted(bench: Bench) -> Finding:
    """A request below the path that offers ocpp1.6 is answered with 101 and ocpp1.6."""
    return _selected(await _ask(bench, bench.target.path_of(bench.new_id())))


@theme.row("1.2")
async def no_subprotocol(bench: Bench) -> Finding:
    """A request that offers no subprotocol is refused with 400."""
    answer = await _ask(bench, bench.target.path_of(bench.new_id()), offer=None)
    if answer.status == 101 and answer.subprotocol == SUBPROTOCOL:
        return deviating(f"answered 101 with {answer.subprotocol}", WITHOUT_OFFER)
    return _refused(answer)


@theme.row("1.2")
async def unsupported_subprotocol(bench: Bench) -> Finding:
    """A request that offers only ocpp2.0.1 is refused with 400."""
    return _refused(await _ask(bench, bench.target.path_of(bench.new_id()), offer="ocpp2.0.1"))


@theme.row("1.2")
async def several_subprotocols(bench: Bench) -> Finding:
    """Of ocpp2.0.1 and ocpp1.6, offered in this order, ocpp1.6 is selected."""
    return _selected(await _ask(bench, bench.target.path_of(bench.new_id()), offer="ocpp2.0.1, ocpp1.6"))


@theme.row("1.2")
async def ocpp20_only(bench: Bench) -> Finding:
    """A request that offers only ocpp2.0 is refused with 400."""
    return _refused(await _ask(bench, bench.target.path_of(bench.new_id()), offer="ocpp2.0"), crashes=True)


@theme.row("1.2")
async def ocpp20_first(bench: Bench) -> Finding:
    """Of ocpp2.0 and ocpp1.6, offered in this order, ocpp1.6 is selected."""
    answer = await _ask(bench, bench.target.path_of(bench.new_id()), offer="ocpp2.0, ocpp1.6")
    return deviating(f"answered {answer}", CRASH) if answer.status == 500 else _selected(answer)


@theme.row("1.1")
async def id_empty(bench: Bench) -> Finding:
    """A request with nothing after the path's slash is refused with 400."""
    return _refused(await _ask(bench, f"{bench.target.gateway.path}/"))


@theme.row("1.1", BELOW_A_PATH)
async def id_absent(bench: Bench) -> Finding:
    """A request for the path itself is refused with 400."""
    return _refused(await _ask(bench, bench.target.gateway.path), crashes=True)


@theme.row("1.1")
async def id_with_slash(bench: Bench) -> Finding:
    """A request with two segments after the path is refused with 400."""
    return _refused(await _ask(bench, f"{bench.target.path_of(bench.new_id())}/b"))


@theme.row("1.1")
async def id_with_forbidden_character(bench: Bench) -> Finding:
    """An id that contains /, + or #, percent-encoded, is refused with 400."""
    path = bench.target.path_of(bench.new_id())
    for escape in ("%2F", "%2B", "%23"):
        answer = await _ask(bench, f"{path}{escape}b")
        if answer.status != 400:
            raise Nonconformity(f"with {escape} answered {answer} instead of 400")
    return passed(f"each answered {answer}")


@theme.row("1.1")
async def id_with_plus(bench: Bench) -> Finding:
    """An id that contains + as it is, is refused with 400."""
    return _refused(await _ask(bench, f"{bench.target.path_of(bench.new_id())}+b"))


@theme.row("1.1")
async def bad_percent_encoding(bench: Bench) -> Finding:
    """An id with a percent sign that encodes nothing is refused with 400."""
    return _refused(await _ask(bench, f"{bench.target.path_of(bench.new_id())}%zz"), crashes=True)


@theme.row("1.1")
async def id_percent_encoded(bench: Bench) -> Finding:
    """An id is percent-decoded: one with a blank appears with it in its topics."""
    line = await bench.line(f"{bench.new_id()} b")
    await line.works()
    return passed(f"published on {line.topic(2, action='Heartbeat')!r}")


@theme.row("1.1")
async def id_long(bench: Bench) -> Finding:
    """An id of 200 characters works."""
    line = await bench.line(f"{bench.new_id()}-".ljust(200, "x"))
    await line.works()
    return passed("works in both directions")


@theme.row("1.1")
async def query_ignored(bench: Bench) -> Finding:
    """A query string is no part of the id."""
    return _selected(await _ask(bench, f"{bench.target.path_of(bench.new_id())}?a=/b"))


@theme.row("1.2", BELOW_A_PATH)
async def other_path(bench: Bench) -> Finding:
    """A request outside the path is answered with 404."""
    return _refused(await _ask(bench, f"/elsewhere/{bench.new_id()}"), 404)


@theme.row("1.2")
async def not_an_upgrade(bench: Bench) -> Finding:
    """A plain HTTP request in which all else is right is answered with 426."""
    target, charge_point_id = bench.target, bench.new_id()
    headers = {OFFER: SUBPROTOCOL}
    if target.credentials is not None:
        headers["Authorization"] = basic(*target.credentials.of(charge_point_id))
    return _refused(await request(target, target.path_of(charge_point_id), headers), 426)


@theme.row("1.3")
async def compression_offered(bench: Bench) -> Finding:
    """A client that offers to compress is let in, and understood."""
    line = await bench.line(offer_compression=True)
    await line.works()
    return passed("works in both directions")


@theme.row("1.2", ANONYMOUS)
async def needless_credentials(bench: Bench) -> Finding:
    """Basic credentials are accepted while no authenticator is configured."""
    headers = {"Authorization": basic("anyone", "anything")}
    return _selected(await _ask(bench, bench.target.path_of(bench.new_id()), headers=headers))


@theme.row("1.2", AUTHENTICATED)
async def wrong_password(bench: Bench) -> Finding:
    """A wrong password is refused with 400."""
    charge_point_id = bench.new_id()
    assert bench.target.credentials is not None
    user, password = bench.target.credentials.of(charge_point_id)
    headers = {"Authorization": basic(user, f"{password}-not")}
    answer = await _ask(bench, bench.target.path_of(charge_point_id), headers=headers)
    if answer.status in (401, 403):
        return deviating(f"answered {answer}", "EMQX never answers 401 or 403")
    return _refused(answer)


@theme.row("1.2", AUTHENTICATED)
async def no_credentials(bench: Bench) -> Finding:
    """A request without credentials is refused with 400 where an authenticator is configured."""
    answer = await upgrade_request(bench.target, bench.target.path_of(bench.new_id()), {OFFER: SUBPROTOCOL})
    if answer.status in (401, 403):
        return deviating(f"answered {answer}", "EMQX never answers 401 or 403")
    return _refused(answer)
