"""Twins and runs in memory; each is healthy, on time and proved unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lab.model import (
    DATABASE,
    FAULT,
    PAYMENTS,
    POSTGRES,
    SERVICE,
    ActionFault,
    Derived,
    Event,
    Failure,
    Fault,
    FaultWindow,
    Kind,
    Life,
    LinkSample,
    LinkState,
    Load,
    LoadState,
    LoadSummary,
    MachineSample,
    MetricsReading,
    Operation,
    Outcome,
    PartState,
    Performed,
    Phases,
    PhaseStarted,
    ProxiesRead,
    Sample,
    Scenario,
    Server,
    ServersRead,
    State,
    StateFault,
    StoreState,
    Switched,
    TwinPlan,
    Verdict,
    a_link,
    line_up,
)
from lab.model import PHASES as PHASE_NAMES
from lab.plan.switches import plan_shots, plan_switches
from lab.record import FORMAT, REQUEST, Isolation, Manifest, Status
from lab.record.schedule import DUE, Schedule
from tests.fabricated.history import ended, seeded

NAIVE, HARDENED = "naive", "hardened"
PAIR = line_up([(NAIVE, "none"), (HARDENED, "all")])
THREE = line_up([(NAIVE, "none"), (HARDENED, "all"), (NAIVE, "none")])
PHASES = Phases(warmup_s=3, baseline_s=6, fault_s=10, recovery_s=10, drain_s=2)
OPS = ("get_booking", "create_booking", "healthz", "readyz")
LOAD = Load(rate_rps=20, mix={"get_booking": 1}, good_within_ms=300, client_timeout_s=5)
T0_AT = 5_000.0


def a_scenario(**changes: Any) -> Scenario:
    """Naive is expected to break and hardened to hold; nothing is expected of a third."""
    told = dict.fromkeys(("title", "hypothesis", "mirrors"), "told")
    expected = {NAIVE: Verdict.BROKEN, HARDENED: Verdict.HELD}
    return Scenario(**{"name": "s99-made-up", **told, "load": LOAD, "expected": expected, **changes})


def a_manifest(scenario: Scenario, twins: Sequence[TwinPlan] = PAIR, **changes: Any) -> Manifest:
    """Of a complete run of `scenario`, short phases, seed 1."""
    phases, seed = changes.get("phases", PHASES), changes.get("seed", 1)
    planned: dict[str, Any] = {
        "format": FORMAT, "lab_version": "0.1.0", "commit": "0123456", "run": "20261121-083000-s99-made-up-0001",
        "status": Status.COMPLETE, "problem": "", "runtime": "local", "scenario": scenario, "quick": True,
        "settings": (), "predicted": "", "seed": seed, "phases": phases,
        "switches": plan_switches(scenario.faults, phases, seed),
        "shots": plan_shots(scenario.faults, phases), "twins": tuple(twins),
        "sizes": {"users": 500, "rooms": 40, "bookings": 2_000, "wallets": 500}, "planned": 0, "t0": T0_AT,
        "history_ops": ("create_booking",),
        "t0_wall": "2026-11-21T08:30:00+00:00", "isolation": Isolation.UNPINNED,
        "facts": {"engine": "toxiproxy", "toxiproxy": "2.12.0", "postgres": "18.1"},
        "machine": {"system": "Linux", "cores": 2, "python": "3.13.5"},
    }  # fmt: skip
    return Manifest(**{**planned, **changes})


def a_summary(**changes: Any) -> LoadSummary:
    return LoadSummary(
        **{
            "ops": OPS, "planned": 0, "recorded": 0, "cap_hits": 0, "errors": (), "oracle": {"get_booking": True},
            "cpu_share_max": 0.22, "cpu_s": 3.1, "started_at": T0_AT, "rss_bytes_start": 60_000_000,
            "rss_bytes_end": 61_000_000, "priority": "nice -5", **changes,
        }
    )  # fmt: skip


def requests(
    start_s: float = 0.0,
    end_s: float = PHASES.load_s,
    *,
    rate_rps: float = 20,
    op: str = "get_booking",
    latency_ms: float = 5.0,
    status: int = 200,
    outcome: Outcome = Outcome.OK,
    failure: Failure = Failure.NONE,
    wrong: bool = False,
) -> Any:
    """Evenly spaced requests planned in [start, end), all alike."""
    at_s = np.arange(start_s, end_s - 1e-9, 1 / rate_rps)
    rows = np.zeros(at_s.size, dtype=REQUEST)
    rows["i"], rows["op"], rows["status"] = np.arange(at_s.size), OPS.index(op), status
    rows["outcome"], rows["failure"], rows["flags"] = outcome, failure, 2 if wrong else 0
    rows["intended"] = at_s
    rows["started"] = rows["sent"] = at_s + 0.0005
    rows["end"] = at_s + latency_ms / 1000
    return rows


def together(*parts: Any) -> Any:
    """All of them, by planned instant, numbered anew."""
    rows = np.concatenate(parts)
    rows.sort(order="intended", kind="stable")
    rows["i"] = np.arange(rows.size)
    return rows


def with_fault_phase(fault_phase: Any) -> Any:
    """A healthy run but for its fault phase."""
    start_s, end_s = PHASES.window(FAULT)
    return together(requests(0, start_s), fault_phase, requests(end_s, PHASES.load_s))


def in_fault_phase(**what: Any) -> Any:
    return requests(*PHASES.window(FAULT), **what)


def probe(
    start_s: float = 0.0, *, link: str = DATABASE, answer_ms: float = 2.0, **changes: Any
) -> LinkSample:
    """An answered probe; give `error` for one that was not."""
    unanswered = bool(changes.get("error"))
    steps = {"first_byte_ms": answer_ms, "last_byte_ms": answer_ms, "closed_ms": answer_ms + 0.2}
    times = dict.fromkeys(steps) if unanswered else steps
    common = {"connect_ms": 0.1, "received_bytes": 60, "chunks": 1}
    return LinkSample(**{"target": str(a_link(link)), "start_s": start_s, **common, **times, **changes})


def probes(start_s: float, end_s: float, **what: Any) -> list[LinkSample]:
    """Ten a second."""
    return [probe(float(at_s), **what) for at_s in np.arange(start_s, end_s - 1e-9, 0.1)]


@dataclass(kw_only=True)
class FabricatedTwin(Derived):
    """`lab.judge.evidence.TwinEvidence`, healthy, with a history of nothing."""

    plan: TwinPlan = PAIR[0]
    scenario: Scenario = field(default_factory=a_scenario)
    phases: Phases = PHASES
    requests: Any = field(default_factory=requests)
    not_needed: Any = field(default_factory=lambda: np.zeros(0, REQUEST))
    repeats: Mapping[int, int] = field(default_factory=dict)
    reads: Mapping[int, int] = field(default_factory=dict)
    ops: tuple[str, ...] = OPS
    history: Sequence[Operation] = ()
    initial: Mapping[str, Any] = field(default_factory=seeded)
    final: Mapping[str, Any] = field(default_factory=ended)
    metrics: Sequence[MetricsReading] = ()
    probes: Sequence[Sample] = ()
    events: Sequence[Event] = ()
    fault_windows: Sequence[FaultWindow] = ()
    summary: LoadSummary = field(default_factory=a_summary)

    @property
    def twin(self) -> str:
        return self.plan.name

    @property
    def recorded(self) -> Any:
        return np.concatenate([self.requests, self.not_needed])

    @property
    def history_lines(self) -> int:
        return len(self.history)

    @property
    def load(self) -> Load:
        return self.scenario.load

    @property
    def faults(self) -> Sequence[Fault]:
        return self.scenario.faults


def quiet(phases: Phases = PHASES, *, foreign_cpus: float = 0.02) -> list[MachineSample]:
    """Two samples a second of a machine with two cores, on which others use `foreign_cpus` of them."""
    return [
        MachineSample(
            at_s=at_s,
            cores=2,
            busy_s=(0.5 + foreign_cpus) * at_s,
            ours_s=0.5 * at_s,
            swapped_bytes=0,
            oom_kills=0,
        )
        for at_s in np.arange(0.0, phases.total_s, 0.5).tolist()
    ]


@dataclass(kw_only=True)
class FabricatedRun:
    """`lab.judge.evidence.RunEvidence` of such twins."""

    manifest: Manifest
    twins: list[FabricatedTwin]
    schedule: Schedule

    machine: Sequence[MachineSample] = field(default_factory=quiet)
    begun: Sequence[PhaseStarted] = ()  # else when the manifest says

    @staticmethod
    def begun_in(phases: Phases) -> list[PhaseStarted]:
        """Every phase of `phases`, begun on time."""
        return [PhaseStarted(phase=phase, at_s=phases.window(phase)[0] + 0.01) for phase in PHASE_NAMES]

    @property
    def events(self) -> list[Event]:
        begun = self.begun or self.begun_in(self.manifest.phases)
        return [*begun, *(event for twin in self.twins for event in twin.events)]


def a_run(scenario: Scenario, *twins: FabricatedTwin, **changes: Any) -> FabricatedRun:
    """A run of `twins` in which every planned change was made on time, and echoed as asked; `changes` its manifest."""
    manifest = a_manifest(scenario, [twin.plan for twin in twins], planned=len(twins[0].requests), **changes)
    for twin in twins:
        twin.scenario = scenario
        twin.events = [*changes_of(twin.twin, manifest), *twin.events]
    return FabricatedRun(manifest=manifest, twins=list(twins), schedule=_schedule_of(twins[0]))


def _schedule_of(twin: FabricatedTwin) -> Schedule:
    """What `twin` has recorded, as it was planned."""
    recorded = twin.recorded
    due = np.zeros(int(recorded["i"].max(initial=0)) + 1 if len(recorded) else 0, dtype=DUE)
    due["at_s"][recorded["i"]], due["op"][recorded["i"]] = recorded["intended"], recorded["op"]
    return Schedule(path=Path("schedule.jsonl"), ops=twin.ops, due=due, asked={})


def changes_of(twin: str, manifest: Manifest) -> list[Event]:
    """Every switch and shot of `manifest`, made in 2 ms and as asked, and proxies that nobody else has touched."""
    return [
        *(_switched(twin, manifest.scenario.faults, switch) for switch in manifest.switches),
        *(_performed(twin, manifest.scenario.faults, shot) for shot in manifest.shots),
        ProxiesRead(twin=twin, at_s=0.0, asked={}, echo={}),
        ServersRead(twin=twin, at_s=0.0, changed=SERVERS),
        ServersRead(twin=twin, at_s=manifest.phases.total_s, changed={}),
    ]


SERVERS = {
    f"{name}/1": Server(pid=pid, born_s=1.0, life=Life.RUNNING, cores="0", descriptors_max=1_024)
    for pid, name in enumerate((SERVICE, POSTGRES, PAYMENTS, "toxiproxy"), start=100)
}


HEALTHY: Mapping[Kind, State] = {
    Kind.LINK: LinkState(),
    Kind.PART: PartState(),
    Kind.STORE: StoreState(),
    Kind.LOAD: LoadState(),
}


def _switched(twin: str, faults: Sequence[Fault], switch: Any) -> Switched:
    fault = faults[switch.fault]
    asked = fault.state() if switch.on and isinstance(fault, StateFault) else HEALTHY[fault.target().kind]
    return Switched(
        twin=twin, fault=switch.fault, target=str(fault.target()), on=switch.on, planned_s=switch.at_s,
        before_s=switch.at_s + 0.001, after_s=switch.at_s + 0.003, asked=asked, echo=asked,
    )  # fmt: skip


def _performed(twin: str, faults: Sequence[Fault], shot: Any) -> Performed:
    fault = faults[shot.fault]
    assert isinstance(fault, ActionFault)
    return Performed(
        twin=twin, fault=shot.fault, target=str(fault.target()), planned_s=shot.at_s, before_s=shot.at_s + 0.001,
        after_s=shot.at_s + 0.003, hits=1,
    )  # fmt: skip
