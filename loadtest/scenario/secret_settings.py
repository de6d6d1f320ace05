"""Settings that are secrets: each is in the environment or nowhere."""

from __future__ import annotations

import os

from loadtest.scenario.setting import Setting

SECRETS: tuple[Setting, ...] = (
    Setting(
        name="password",
        kind="text",
        default="",
        help="password of charge points, with ${cid} or ${number} where charge points differ; hex:00ff for any bytes",
    ),
    Setting(
        name="web_password",
        kind="text",
        default="",
        help="password of Locust's web UI, for --web-login; any user name goes with it",
    ),
)
"""What has a variable in the environment and no flag, and is in no resolved settings: whoever needs one reads it by
:func:`secret`. So it cannot get into arguments, Locust's options, its web UI, a run's record or its reports."""


def secret(name: str) -> str:
    """The value of a secret setting, from the environment; empty when it is not given."""
    (setting,) = (setting for setting in SECRETS if setting.name == name)
    return os.environ.get(setting.variable, "")
