"""The event loop of every process of ours that is not Locust's. The only door to uvloop."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import uvloop

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a fresh uvloop loop until it returns."""
    return uvloop.run(main)
