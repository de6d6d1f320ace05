"""A gateway with known faults: see :mod:`loadtest.calibration.stub_gateway`."""

from loadtest.calibration.stub_gateway import StubCounts, StubGateway

__all__ = ["StubCounts", "StubGateway"]
