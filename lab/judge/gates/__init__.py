"""The validity gates: what must be true of a run before any twin is judged by it.

When in doubt, the run is invalid. A generator that lagged, a fault that never took effect, a twin that was unhealthy
from the start: each would give a verdict that says nothing about the twins.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab.judge.evidence import RunEvidence, TwinEvidence
from lab.judge.gates.baseline import (
    BASELINE_HEALTHY,
    BASELINE_STEADY,
    BASELINES_ALIKE,
    baseline,
    baselines,
)
from lab.judge.gates.faults import (
    FAULT_AS_ASKED,
    FAULT_OBSERVED,
    HEALING_OBSERVED,
    as_asked,
    healed,
    observed,
)
from lab.judge.gates.instruments import generator, oracle
from lab.judge.gates.integrity import (
    AS_PLANNED,
    THROUGHOUT,
    as_scheduled,
    history_complete,
    observed_throughout,
    phases_as_planned,
)
from lab.judge.gates.links import LINKS_AS_PLANNED, as_planned
from lab.judge.gates.machine import FOREIGN_CPU, MEMORY, foreign_cpu, memory
from lab.judge.gates.punctuality import (
    IN_STEP,
    ON_TIME,
    SCHEDULE_LAG,
    changes_planned,
    in_step,
    on_time,
    schedule_lag,
)
from lab.judge.gates.recording import all_recorded, complete
from lab.judge.gates.servers import limits_alike, same_servers
from lab.judge.gates.steps import with_step
from lab.judge.gates.tampering import READ, untouched, was_read
from lab.model import Gate

SPOILED = {
    SCHEDULE_LAG,
    ON_TIME,
    IN_STEP,
    BASELINE_HEALTHY,
    BASELINE_STEADY,
    BASELINES_ALIKE,
    FAULT_OBSERVED,
    HEALING_OBSERVED,
    FOREIGN_CPU,
    MEMORY,
    READ,
    FAULT_AS_ASKED,
    LINKS_AS_PLANNED,
    AS_PLANNED,
    THROUGHOUT,
}


def of_run(run: RunEvidence) -> tuple[Sequence[Gate], Sequence[Gate]]:
    """The gates of all twins together: those that come before the gates of each twin, and those that come after.

    First what somebody else did, since it may explain the rest. A run that ended early has one gate, which says why.
    """
    if not (whole := complete(run)).passed:  # the others need files that may never have been written
        return [with_step(whole)], []
    first = [whole, phases_as_planned(run), *map(was_read, run.twins), *map(untouched, run.twins)]
    first += [foreign_cpu(run), memory(run), limits_alike(run)]
    last = [*baselines(run)]
    if changes_planned(run.manifest):
        last += [on_time(run), in_step(run)]
    return [*map(with_step, first)], [*map(with_step, last)]


def of_twin(run: RunEvidence, twin: TwinEvidence) -> Sequence[Gate]:
    """The gates of one twin; none if the run ended early."""
    if not complete(run).passed:
        return []
    data_read = bool(run.manifest.history_ops)
    gates = [same_servers(run.manifest.scenario, twin, data_read=data_read)]
    gates += [as_scheduled(run, twin), history_complete(run, twin), observed_throughout(twin)]
    gates += [all_recorded(run, twin), schedule_lag(run.manifest, twin), generator(twin), oracle(twin)]
    gates += [*baseline(twin, run.manifest.scenario.baseline_good_min), *as_asked(run.manifest, twin)]
    gates += [*observed(twin), *healed(twin), *as_planned(twin)]
    return [*map(with_step, gates)]


def spoiled_by_the_machine(gates: Sequence[Gate]) -> bool:
    """Whether a run is invalid only because of a busy machine, so that a repeated run may well be valid.

    On a busy machine (a twin that works off its backlog can take both cores) a twin may be late before the fault,
    probes may miss a fault that the target confirms, the engine or Toxiproxy may not answer, an observer may stand
    still, and others may take the memory. If the machine was not the cause, the repeated run fails too.
    """
    failed = {gate.name for gate in gates if not gate.passed}
    return bool(failed) and failed <= SPOILED
