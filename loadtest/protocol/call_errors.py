"""The error codes of a CALLERROR (OCPP-J 1.6 section 4.2.3, table 7), official spellings included."""

from __future__ import annotations

NOT_IMPLEMENTED = "NotImplemented"
"""The action is not known to the receiver."""

NOT_SUPPORTED = "NotSupported"
"""The action is recognised but not supported by the receiver."""

INTERNAL_ERROR = "InternalError"
PROTOCOL_ERROR = "ProtocolError"
SECURITY_ERROR = "SecurityError"

FORMATION_VIOLATION = "FormationViolation"
"""The payload is not JSON, or not built as the action's is."""

PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
"""A field has a value that is not allowed."""

OCCURENCE_CONSTRAINT_VIOLATION = "OccurenceConstraintViolation"
"""A field is missing, or there are too few or too many of it."""

TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"
"""A field has a value of another type."""

GENERIC_ERROR = "GenericError"

CODES = frozenset(
    {
        NOT_IMPLEMENTED,
        NOT_SUPPORTED,
        INTERNAL_ERROR,
        PROTOCOL_ERROR,
        SECURITY_ERROR,
        FORMATION_VIOLATION,
        PROPERTY_CONSTRAINT_VIOLATION,
        OCCURENCE_CONSTRAINT_VIOLATION,
        TYPE_CONSTRAINT_VIOLATION,
        GENERIC_ERROR,
    }
)
