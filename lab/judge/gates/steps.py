"""What to do when a gate fails. docs/reading-a-report.md has the same table; a test compares the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from lab.model import Gate

REPORT = "If it fails again, report it: it is a bug in the lab."
AGAIN = f"Run it again. {REPORT}"
QUIET = "Run it again on a quiet machine."
CLOSE = "Close other programs, and run it again. bin/lab doctor names settings of this machine that delay the lab."
FOLDER = "Somebody changed the folder, or the lab's own readings stopped for a while: run it again."
RATE = "Lower the load with --set load.rate_rps=N; bin/lab show prints the scenario's default."
STEADY = f"{QUIET} If it fails again, there is too much load. {RATE}"


@dataclass(frozen=True, kw_only=True)
class Advised(Gate):
    """A gate that knows why it failed, and what to do about that: `step`, where it is not the usual one."""

    step: str


STEPS: Mapping[str, str] = {
    "run complete": "",  # its sentence says what ended the run, and what to do
    "planned = recorded": AGAIN,
    "as scheduled": FOLDER,
    "phases as planned": FOLDER,
    "history complete": FOLDER,
    "observed throughout": FOLDER,
    "generator healthy": f"{RATE} Errors of its own are bugs in the lab: report them.",
    "oracle alive": "If the run was too short for it, lengthen the baseline: --set phases.baseline_s=20. Else see the "
    "log of the service in the run folder.",
    "schedule lag": CLOSE,
    "faults on time": CLOSE,
    "twins in step": CLOSE,
    "foreign CPU": "Close other programs, wait until the machine (or its host) is quiet, and run it again.",
    "memory": "Close other programs, and run it again; or use a machine with more memory.",
    "same servers": "Find out what stopped or restarted a server or ended a session (see the logs in the run folder), "
    "and run it again.",
    "limits alike": "Find out who set or changed them, and run it again.",
    "baseline healthy": f"Run it again. If it fails again, this machine cannot handle the load. {RATE}",
    "baseline steady": STEADY,
    "baselines alike": f"{QUIET} If it fails again, one twin may simply be slower, even without a fault: then that is "
    f"what to look at first. Or there is too much load. {RATE}",
    "fault as asked": f"{QUIET} {REPORT}",
    "fault observed": QUIET,
    "healing observed": QUIET,
    "links as planned": "Find out what slowed them down or cut connections, and run it again.",
    "proxies read": f"{QUIET} If it fails again, see the log of Toxiproxy in the run folder.",
    "proxies untouched": "Leave Toxiproxy's API alone during a run, and run it again.",
}

# The lab keeps a record for each of these. Where there is none, nobody but the lab itself is to blame.
RECORDED = ("schedule lag", "faults on time", "twins in step", "foreign CPU", "memory", "proxies untouched")


def advised(gate: Gate, step: str) -> Gate:
    """The gate, with what to do if it failed; "" is the usual."""
    return Advised(**vars(gate), step=step) if step and not gate.passed else gate


def with_step(gate: Gate) -> Gate:
    """The gate; if it failed, its sentence ends with what to do."""
    if gate.passed:
        return gate
    unrecorded = gate.name in RECORDED and gate.value is None
    step = AGAIN if unrecorded else STEPS[gate.name]
    if isinstance(gate, Advised):
        step = gate.step
        gate = Gate(**{field.name: getattr(gate, field.name) for field in fields(Gate)})
    return replace(gate, sentence=f"{gate.sentence} {step}".rstrip())
