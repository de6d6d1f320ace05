"""The messages between Locust's master and its workers, by name. A LocalRunner sends them to itself."""

from __future__ import annotations

ASK = "loadtest_ask"
"""Worker to master: a user wants a cohort of its ``fleet_class`` or a subscriber's place: ``role``, ``token``."""
READY = "loadtest_ready"
"""Worker to master: a child is ready: ``source``, ``role``."""
REPORT = "loadtest_report"
"""Worker to master: an interval report: ``source``, ``role``, ``body``."""
EVENT = "loadtest_event"
"""Worker to master: something for the record: ``source``, ``kind``, ``text``."""

GRANT = "loadtest_grant"
"""Master to worker: the answer to :data:`ASK`: ``role``, ``token``, and ``first`` and ``count``, or ``number``."""
PHASE = "loadtest_phase"
"""Master to workers: a phase begins: ``phase``, ``start_ns``."""
CUT = "loadtest_cut"
"""Master to workers: engines are to cut charge points off: fields of a :class:`~loadtest.control.messages.CutOff`."""
SUBSCRIBER_FAULT = "loadtest_subscriber_fault"
"""Master to workers: subscriber ``process``, or all, is to be broken, or whole again, at ``at_ns``: ``name``,
``fault`` with the fault's fields, ``begins``."""
FAULT_STATE = "loadtest_fault_state"
"""Worker to master: a subscriber that ``fault`` took away is back: ``source``, ``at_ns``."""
DRAIN = "loadtest_drain"
"""Master to workers: children of ``role`` are to send their final reports by ``deadline_ns``."""
END = "loadtest_end"
"""Master to workers: stop all children."""

PLAN_OPTION = "loadtest_plan"
"""The parsed option in which the plan travels to the workers with Locust's own start message."""

ENGINE, SUBSCRIBER = "engine", "subscriber"
"""Roles of child processes."""
COHORT = "cohort"
