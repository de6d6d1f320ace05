"""What the user asked for, and how Locust is told."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loadtest.brokers.ports import free_port
from loadtest.scenario.resolve import resolve
from loadtest.scenario.settings_table import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loadtest.runner.scenarios import Scenario
    from loadtest.scenario.settings import RunSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A scenario with settings.

    Attributes:
        scenario: What to run.
        settings: Settings by name as written; those left out keep their defaults.
        locust_arguments: Passed to Locust as they are.
    """

    scenario: Scenario
    settings: Mapping[str, str] = field(default_factory=dict)
    locust_arguments: tuple[str, ...] = ()

    def within(self, folder: Path, run_id: str, seed: int, settings: Mapping[str, str] | None = None) -> RunRequest:
        """The same as one of several runs, in a folder of all of them.

        Args:
            folder: Theirs.
            run_id: Its name, and that of its own folder in it.
            seed: Its own.
            settings: What else is its own.
        """
        own = {"results": str(folder), "run_id": run_id, "seed": str(seed), **(settings or {})}
        return dataclasses.replace(self, settings={**self.settings, **own})

    def resolved(self) -> RunSettings:
        """The settings with defaults, those from the environment included.

        Raises:
            UsageError: With every fault found.
        """
        from_environment = {
            setting.name: os.environ[setting.variable] for setting in SETTINGS if setting.variable in os.environ
        }
        return resolve(from_environment | dict(self.settings), from_environment.keys() - self.settings.keys())

    def flags(self, *, run_id: str | None) -> list[str]:
        """Locust's command line: what was given and nothing else, so that defaults stay in one place."""
        given = {name: value for name, value in self.settings.items() if not _is_private(value)}
        if run_id is not None:
            given["run_id"] = run_id
        flags: list[str] = []
        for setting in SETTINGS:
            if setting.name in given:
                flags += [setting.flag] if setting.kind == "flag" else [setting.flag, given[setting.name]]
        return [*flags, *self.locust_arguments, *self._private_master()]

    def _private_master(self) -> list[str]:
        """Where forked workers meet their master: on loopback, at a free port.

        Locust's own choice is every interface and a fixed port, without authentication.
        """
        names = {argument.partition("=")[0] for argument in self.locust_arguments}
        if "--processes" not in names or names & {"--worker", "--master-bind-host", "--master-bind-port"}:
            return []
        port = str(free_port())
        return ["--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--master-port", port]

    def private_environment(self) -> dict[str, str]:
        """URLs with a password: a command line can be read by every user of the machine, an environment cannot."""
        return {
            setting.variable: self.settings[setting.name]
            for setting in SETTINGS
            if _is_private(self.settings.get(setting.name, ""))
        }


def _is_private(value: str) -> bool:
    return "://" in value and "@" in value
