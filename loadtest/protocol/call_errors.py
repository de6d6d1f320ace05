"""The error codes of a CALLERROR (OCPP-J 1.6 section 4.2.3, table 7), official spellings included."""

from __future__ import annotations

NOT_IMPLEMENTED = "NotImplemented"
"""The action is not known to the receiver."""

NOT_SUPPORTED = "NotSupported"
"""The action is recognised but not supported by the receiver."""

INTERNAL_ERROR = "InternalError"
FORMATION_VIOLATION = "FormationViolation"

CODES = frozenset(
    {
        NOT_IMPLEMENTED,
        NOT_SUPPORTED,
        INTERNAL_ERROR,
        "ProtocolError",
        "SecurityError",
        FORMATION_VIOLATION,
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }
)
