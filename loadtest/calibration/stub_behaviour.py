"""What a stub gateway does to whom: the switches, as one value that can be exchanged while it serves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Fault(Enum):
    """What becomes of a CALL instead of its answer."""

    GARBAGE = auto()
    """Answered by text that answers nothing: no JSON, no array, an unknown id, in turn."""
    LATE = auto()
    """Answered properly, but only after ``late_s``."""
    DUPLICATE = auto()
    """Answered properly, twice."""
    NEVER = auto()
    """Not answered at all."""
    CALL_ERROR = auto()
    """Answered by CALLERROR ``InternalError``."""
    CUT = auto()
    """Not answered: the TCP connection is closed, without a close frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StubBehaviour:
    """How a stub gateway treats charge points. The default is an ideal one.

    Attributes:
        delay_s: From the arrival of a CALL to its answer.
        stall_s: Length of a stall, in which nothing at all is served: the server's only thread sleeps.
        stall_every_s: From one stall's start to the next; the first starts this long after the stub did, less
            ``stall_s``. 0 for none.
        fault: What happens to the CALLs it applies to.
        fault_every: It applies to each n-th of them: 1 for all.
        fault_actions: The actions it is confined to; empty for all. Boot is usually to be left in peace.
        late_s: The delay of answers that are :attr:`Fault.LATE`.
        concatenated: Each answer leaves in one text message behind a CALL of the stub's own, without separator, as
            EMQX writes messages that leave together.
        boot_interval_s: The heartbeat interval in answers to BootNotification.
        subprotocol: The WebSocket subprotocol selected, offered or not; ``None`` selects none.
        refuse_status: HTTP status that refuses every handshake; ``None`` accepts.
    """

    delay_s: float = 0.0
    stall_s: float = 0.0
    stall_every_s: float = 0.0
    fault: Fault | None = None
    fault_every: int = 1
    fault_actions: frozenset[str] = frozenset()
    late_s: float = 0.0
    concatenated: bool = False
    boot_interval_s: int = 300
    subprotocol: str | None = "ocpp1.6"
    refuse_status: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises:
            ValueError: A stall as long as its period, or a fault for each 0th CALL.
        """
        if self.stall_s and self.stall_s >= self.stall_every_s:
            raise ValueError(f"stalls of {self.stall_s} s every {self.stall_every_s} s leave no time to serve")
        if self.fault_every < 1:
            raise ValueError("fault_every counts from 1")
