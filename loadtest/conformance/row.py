"""A rule of the contract and when it applies."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from loadtest.conformance.bench import Bench
    from loadtest.conformance.findings import Finding
    from loadtest.conformance.target import Target

    Check = Callable[[Bench], Awaitable[Finding]]

LIMIT_S = 20.0
"""How long a row may take in all; each of its waits is limited as well, so that this is hardly ever reached."""


class Condition(NamedTuple):
    """When a row applies.

    Attributes:
        holds: Whether it does for a target.
        otherwise: What is said of the row when it does not.
    """

    holds: Callable[[Target], bool]
    otherwise: str


ALWAYS = Condition(lambda _: True, "")
UNCHECKED = Condition(lambda target: not target.checking, "the gateway checks messages against the schemas")
CHECKED = Condition(lambda target: target.checking, "for a gateway that checks messages: --checking")
ANONYMOUS = Condition(lambda target: target.credentials is None, "the gateway asks for credentials")
AUTHENTICATED = Condition(lambda target: target.credentials is not None, "for a gateway with passwords: --user")
SLOW = Condition(lambda target: target.slow, "slow: --slow")
BELOW_A_PATH = Condition(lambda target: bool(target.gateway.path), "the gateway's URL has no path")


@dataclass(frozen=True, slots=True)
class Row:
    """One rule.

    Attributes:
        id: ``<theme>.<name>``.
        title: The rule in a sentence.
        section: Where ``docs/conformance.md`` states it.
        check: Holds a gateway against it; raises :class:`~loadtest.conformance.findings.Nonconformity`.
        condition: When it applies.
    """

    id: str
    title: str
    section: str
    check: Check
    condition: Condition = ALWAYS

    def limit_s(self, target: Target) -> float:
        """The longest it may take."""
        return LIMIT_S if self.condition is not SLOW else LIMIT_S + 2 * target.idle_timeout_s


class Theme:
    """Rows of one kind, in the order in which they are written.

    Attributes:
        rows: Those entered so far.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[Row] = []

    def row(self, section: str, condition: Condition = ALWAYS) -> Callable[[Check], Check]:
        """Enter a coroutine function; its name becomes the id, its docstring's first sentence the title."""

        def enter(check: Check) -> Check:
            name: str = check.__name__
            title = (inspect.getdoc(check) or name).split("\n\n")[0].replace("\n", " ").removesuffix(".")
            self.rows.append(Row(f"{self.name}.{name.replace('_', '-')}", title, section, check, condition))
            return check

        return enter
