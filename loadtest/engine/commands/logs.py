"""Handlers to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.engine.commands.answer import Handler

HANDLERS: dict[str, Handler] = {}
