"""Settings of a broker as they are written: ``name=value``, several parted by semicolons."""

from __future__ import annotations

from loadtest.errors import UsageError


def broker_settings(text: str) -> dict[str, str]:
    """Read them; which there are, and what their values mean, each broker knows.

    Raises:
        UsageError: With each part that is not ``name=value``, and each name that comes twice.
    """
    faults: list[str] = []
    settings: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not name or "\n" in part:
            faults.append(f"--broker-setting: {part!r} is not name=value")
        elif name in settings:
            faults.append(f"--broker-setting {name}: is given twice")
        settings[name] = value
    if faults:
        raise UsageError(faults, hint="for example --broker-setting set_tcp_nodelay=false")
    return settings
