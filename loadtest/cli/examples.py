"""Examples at the end of each command's help: what people most often want, ready to be copied."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "run": (
        "loadtest run steady",
        "loadtest run steady --charge-points 10000 --ramp 60s --duration 10m",
        "loadtest run steady --gateway ws://emqx:33033/ocpp --broker mqtt://emqx:1883",
        "loadtest run steady --csms observe --gateway ws://emqx:33033/ocpp --broker mqtt://emqx:1883",
        "loadtest run commands --charge-points 500 --processes 2",
        "loadtest run steady --repeat 5 --baseline main",
        "loadtest run --from results/20260131-120000-steady",
    ),
    "web": ("loadtest web steady", "loadtest web steady --web-port 8090 --charge-points 500"),
    "report": ("loadtest report latest", "loadtest report results/20260131-120000-steady"),
    "list": ("loadtest list", "loadtest list --results elsewhere"),
    "show": ("loadtest show", "loadtest show 20260131-120000-steady"),
    "baseline": (
        "loadtest baseline save 20260131-120000-steady main",
        "loadtest baseline list",
        "loadtest baseline show main",
    ),
    "matrix": ("loadtest matrix qos --dry-run", "loadtest matrix qos", "loadtest matrix qos --resume"),
    "capacity": (
        "loadtest capacity steady",
        "loadtest capacity steady --objective 'p99 uplink < 50ms' --from 500 --to 20000 --precision 10%",
        "loadtest capacity steady --of rate --charge-points 2000",
        "loadtest capacity steady --of connect-rate --charge-points 2000 --duration 5s",
    ),
    "compare": (
        "loadtest compare before after",
        "loadtest compare main after --baseline main --tolerance 10%",
        "loadtest compare results/qos0 results/qos1 results/qos2 --rank 'round trip p99'",
    ),
    "doctor": ("loadtest doctor",),
    "calibrate": ("loadtest calibrate", "loadtest calibrate --quick"),
    "gateway": (
        "loadtest gateway --broker mqtt://127.0.0.1:1883",
        "loadtest gateway --bind 0.0.0.0:33033 --processes 2 --password-file passwords",
    ),
    "csms": ("loadtest csms --broker mqtt://127.0.0.1:1883",),
    "broker": ("loadtest broker --port 1883",),
    "conformance": (
        "loadtest conformance",
        "loadtest conformance --gateway ws://emqx:33033/ocpp --broker mqtt://emqx:1883",
        "loadtest conformance --only 'frames.*' --json conformance.json",
    ),
    "emqx": (
        "loadtest emqx setup --api http://emqx:18083",
        "loadtest emqx status --api http://emqx:18083",
        "loadtest emqx remove --api http://emqx:18083",
    ),
    "password": ("loadtest password cp-000001 --generate >> passwords",),
    "certificates": ("loadtest certificates pki --charge-points 100",),
}
"""By command; each a whole command line."""


def epilog(command: str) -> str | None:
    """The examples of a command as click takes them: not to be wrapped."""
    lines = EXAMPLES.get(command)
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines))) if lines else None
