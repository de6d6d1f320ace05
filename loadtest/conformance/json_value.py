"""JSON by value, as the contract compares it: gateways decode and encode again, so text is no measure.

The standard library's own ``json`` on purpose: it shares nothing with what our gateway reads and writes with, and its
integers have any size.
"""

from __future__ import annotations

import json
from typing import Any

from loadtest.conformance.findings import Nonconformity

SHOWN_CHARACTERS = 120

_decoder = json.JSONDecoder()


def difference(found: Any, wanted: Any, where: str = "") -> str:
    """The first difference between two values, in words; empty when they are the same JSON.

    1.10 is 1.1 and the order of keys does not count, but true is not 1.
    """
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in wanted.keys() - found.keys():
            return f"{where}.{key} is missing"
        for key in found.keys() - wanted.keys():
            return f"{where}.{key} is too much"
        pairs = [(f"{where}.{key}", found[key], wanted[key]) for key in wanted]
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        pairs = [(f"{where}[{index}]", *pair) for index, pair in enumerate(zip(found, wanted, strict=True))]
    else:
        booleans = isinstance(found, bool) or isinstance(wanted, bool)
        alike = found is wanted if booleans else found == wanted
        return "" if alike else f"{where} is {shown(found)} instead of {shown(wanted)}".lstrip()
    return next((text for pair in pairs if (text := difference(pair[1], pair[2], pair[0]))), "")


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON."""
    return not difference(one, other)


def encode(value: Any) -> str:
    """Compact text, characters beyond ASCII as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def decode(text: str | bytes, what: str) -> Any:
    """Read one document.

    Raises:
        Nonconformity: It is not JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Nonconformity(f"{what} is no JSON: {shown(text)}") from None


def documents(text: str) -> list[Any]:
    """Read documents written one after the other without separator.

    Raises:
        Nonconformity: Somewhere in it is no JSON.
    """
    found: list[Any] = []
    position = 0
    while position < len(text):
        try:
            document, position = _decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            raise Nonconformity(f"a frame is no JSON: {shown(text)}") from None
        found.append(document)
        while position < len(text) and text[position] in " \t\r\n":
            position += 1
    return found


def shown(value: Any) -> str:
    """For people: short, and on one line."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    text = value if isinstance(value, str) else encode(value)
    text = " ".join(text.split())
    text = "".join(character if character.isprintable() else "�" for character in text)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}… ({len(text):,} characters)"
