"""What only few charge points need: state made when the central system first asks for something beyond the ordinary."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtest.engine.authorization import LocalAuthorization
    from loadtest.engine.certificates import CertificateStore
    from loadtest.engine.maintenance import Maintenance
    from loadtest.engine.smart_charging import InstalledProfiles


class Features:
    """One charge point's rare state; every part is ``None`` until its first use.

    Attributes:
        authorization: Local authorization list and authorization cache.
        charging: Charging profiles that limit its power.
        maintenance: Firmware update and log upload under way.
        certificates: Installed certificates.
    """

    __slots__ = ("authorization", "certificates", "charging", "maintenance")

    def __init__(self) -> None:
        self.authorization: LocalAuthorization | None = None
        self.charging: InstalledProfiles | None = None
        self.maintenance: Maintenance | None = None
        self.certificates: CertificateStore | None = None
