"""Events on a run's record, and the kinds of them that the verdict goes by."""

from __future__ import annotations

import msgspec

INTERRUPTED = "interrupted"
"""Somebody stopped the run."""
ENDED_EARLY = "ended_early"
"""A threshold that may end a run did so."""
REFUSED = "refused"
"""The run could not start, for a reason the user can mend."""
PART_DIED = "part_died"
WORKER_LOST = "worker_lost"
DAMAGED_REPORT = "damaged_report"
LATE_REPORT = "late_report"
"""An interval came after its second was written; its samples still count."""
WRITE_FAILED = "write_failed"
OUT_OF_DESCRIPTORS = "out_of_descriptors"
"""A part of the system under test cannot accept connections any more."""
CLOCK_STEPPED = "clock_stepped"
"""The host's time of day jumped; only what charge points write into messages goes by it."""
FIRST_CONNECT_FAULT = "first_connect_fault"
"""Why a charge point could not connect: the first time for each cause."""
REDIRECTED = "redirected"
"""A broker has sent a charge point to another server: the first time for each of the first ten references."""

CONDUCTOR_FAULT = "conductor_fault"
HARNESS_FAULTS = frozenset({"engine_fault", "csms_fault", "gateway_fault", CONDUCTOR_FAULT})
"""Something of ours raised: a bug here, so nothing this process says, or its gateway passes on, can be relied on."""

FAULT_BEGUN, FAULT_OVER = "fault_begun", "fault_over"
"""Something was broken on purpose; what was broken is back."""
REGION_DOWN, REGION_BACK = "region_down", "region_back"
"""The network of a region has failed for every charge point there; it is back."""
FAULT_FAILED = "fault_failed"
"""Something could not be broken, or mended, as the scenario wanted."""


class RunEvent(msgspec.Struct):
    """Something that happened; ``part`` names the process or server it happened to."""

    at_s: float
    kind: str
    text: str
    part: str = ""
