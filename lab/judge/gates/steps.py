"""What to do when a gate fails. docs/reading-a-report.md has the same table; a test compares the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lab.model import Gate

QUIET = "Run it again on a quiet machine."
CLOSE = "Close other programs, and run it again. bin/lab doctor names settings of this machine that delay the lab."
FOLDER = "Somebody changed the folder, or an observer stood still: run it again."
STEADY = "Run it again on a quiet machine, or lower load.rate_rps."

STEPS: Mapping[str, str] = {
    "run complete": "",  # its sentence says what ended the run, and what to do
    "planned = recorded": "Run it again. If it fails again, report it: it is a bug in the lab.",
    "as scheduled": FOLDER,
    "phases as planned": FOLDER,
    "history complete": FOLDER,
    "observed throughout": FOLDER,
    "generator healthy": "Lower load.rate_rps.",
    "oracle alive": "Lengthen the baseline, so that each operation succeeds once.",
    "schedule lag": CLOSE,
    "faults on time": CLOSE,
    "twins in step": CLOSE,
    "foreign CPU": "Close other programs, wait until the machine (or its host) is quiet, and run it again.",
    "memory": "Close other programs, or use a machine with more memory.",
    "same servers": "Find out who stopped or restarted it (the logs in the run folder tell when), and run it again.",
    "limits alike": "Find out who changed them, and run it again.",
    "baseline healthy": "Run it again; if it fails again, this machine cannot serve load.rate_rps: lower it.",
    "baseline steady": STEADY,
    "baselines alike": STEADY,
    "fault as asked": QUIET,
    "fault observed": QUIET,
    "healing observed": QUIET,
    "links as planned": "Find out what slowed them down, and run it again.",
    "proxies untouched": "Leave Toxiproxy's API alone during a run, and run it again.",
}


def with_step(gate: Gate) -> Gate:
    """The gate; if it failed, its sentence ends with what to do."""
    if gate.passed:
        return gate
    return replace(gate, sentence=f"{gate.sentence} {STEPS[gate.name]}".rstrip())
