"""What a stub gateway does to whom: see :mod:`loadtest.calibration.stub_behaviour`."""

from loadtest.calibration.stub_behaviour import Fault, StubBehaviour

__all__ = ["Fault", "StubBehaviour"]
