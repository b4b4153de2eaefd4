"""A fabricated run folder, written by the lab's own writer: complete, sealed, and valid.

While the fault is on a twin of the naive service suffers (late, refused, without an answer, now and then wrong) and
loses a booking that it acknowledged; others are a little slower. Everything follows from the seed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lab.checks.invariants import NoLostAcks
from lab.checks.slos import GoodRatio, RecoversWithin
from lab.faults import Latency
from lab.model import (
    DATABASE,
    FAULT,
    PHASES,
    SERVICE,
    STORE,
    Arrival,
    Burst,
    CpuRead,
    Failure,
    Life,
    Load,
    Outcome,
    PartSample,
    Phases,
    PhaseStarted,
    Question,
    Scenario,
    SessionsSample,
    StepTaken,
    Switch,
    TwinPlan,
    Verdict,
    a_part,
)
from lab.record import FolderJournal, Isolation, Manifest, RunWriter, Status
from tests.fabricated.evidence import (
    HARDENED,
    NAIVE,
    PAIR,
    T0_AT,
    a_manifest,
    a_summary,
    changes_of,
    probe,
    quiet,
)
from tests.fabricated.evidence import PHASES as SHORT
from tests.fabricated.history import booking_row, charge_row, ended, seeded

# Written out a second time on purpose: a reader that disagrees with the format of the run folder is found here.
REQUEST_42 = np.dtype(
    [("i", "<u4"), ("op", "u1"), ("status", "<u2"), ("failure", "u1"), ("outcome", "u1"), ("flags", "u1")]
    + [(name, "<f8") for name in ("intended", "started", "sent", "end")]
)
LATENCY_MS = 100
X_MS, C_S = 300.0, 5.0
OPS = ("get_booking", "user_bookings", "rooms_search", "healthz", "create_booking")
BOOKING = OPS.index("create_booking")
TITLE = "Database latency"


@dataclass(frozen=True, kw_only=True)
class Fabricated:
    """What to make up. `bursts` are the fault's on-windows as fractions of the fault phase."""

    requests: int = 1_200  # per twin
    phases: Phases = SHORT
    twins: tuple[TwinPlan, ...] = PAIR
    bursts: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    probes: bool = True
    members: int = 0  # of the service, seen as a part; the last one is down in the fault
    sessions: bool = False
    status: Status = Status.COMPLETE
    problem: str = ""
    isolation: Isolation = Isolation.UNPINNED
    engine: str = "toxiproxy"
    keep: float = 1.0  # the share of the planned requests that were recorded, from the start
    seed: int = 7

    @property
    def windows(self) -> tuple[tuple[float, float], ...]:
        start, end = self.phases.window(FAULT)
        return tuple((start + a * (end - start), start + b * (end - start)) for a, b in self.bursts)

    def on(self, at_s: float) -> bool:
        return any(start <= at_s < end for start, end in self.windows)


def make_run(folder: Path, made_up: Fabricated = Fabricated()) -> Path:
    """Write a whole run folder into `folder` and return it."""
    writer = RunWriter(folder)
    manifest = manifest_of(folder.name, made_up)
    at_s = np.sort(np.random.default_rng(made_up.seed).uniform(0, made_up.phases.load_s, made_up.requests))
    writer.manifest(manifest)
    writer.t0(T0_AT)
    writer.end(T0_AT + made_up.phases.load_s)
    writer.schedule(_arrival(i, round(at, 6)) for i, at in enumerate(at_s.tolist()))
    tell_events(folder, manifest)
    for sample in quiet(made_up.phases):
        writer.machine(sample)
    for number, twin in enumerate(made_up.twins):
        _twin(writer, number, twin, made_up, np.round(at_s, 6))
    if made_up.status is Status.COMPLETE:
        writer.seal()
    return folder


def manifest_of(run: str, made_up: Fabricated) -> Manifest:
    switches = tuple(
        Switch(at_s=at_s, fault=0, on=on)
        for window in made_up.windows
        for at_s, on in zip(window, (True, False), strict=True)
    )
    return a_manifest(
        scenario_of(made_up), made_up.twins, run=run, status=made_up.status, problem=made_up.problem,
        seed=made_up.seed, phases=made_up.phases,
        switches=switches, planned=made_up.requests, isolation=made_up.isolation,
        facts={"engine": made_up.engine, "toxiproxy": "2.12.0", "postgres": "18.1", "limits": {"service": "1 CPU"}},
    )  # fmt: skip


def scenario_of(made_up: Fabricated) -> Scenario:
    burst = None if made_up.bursts == ((0.0, 1.0),) else Burst(on_s=1, off_s=1)
    faults = (Latency(link=DATABASE, latency_ms=LATENCY_MS, burst=burst),) if made_up.bursts else ()
    return Scenario(
        name="s01-db-latency",
        title=TITLE,
        hypothesis="With 100 ms on the way back from the database, reads still answer within 300 ms.",
        question=Question(
            text="100 ms on the database link: how much slower is one request?",
            choices={"a": "100 ms", "b": "300 ms"},
            answer="b",
            because="Three round trips.",
        ),
        mirrors="nothing: made up, for tests only",
        lesson="connection_pool: a warm connection costs one round trip, a new one costs several.",
        load=Load(
            rate_rps=round(made_up.requests / made_up.phases.load_s, 3),
            mix=dict.fromkeys(OPS, 1),
            good_within_ms=X_MS,
            client_timeout_s=C_S,
        ),
        faults=faults,
        checks=(GoodRatio(phase=FAULT, at_least=0.95), RecoversWithin(at_most_s=5), NoLostAcks()),
        expected={NAIVE: Verdict.BROKEN, HARDENED: Verdict.HELD},
    )


def _arrival(i: int, at_s: float) -> Arrival:
    op = OPS[i % len(OPS)]
    common = {"i": i, "at_s": at_s, "op": op}
    if op != OPS[BOOKING]:
        return Arrival(**common, method="GET", path=f"/bookings/{1 + i % 2000}/")
    body = {
        "user_id": 1, "room_id": 1, "reference": f"r-{i}", "starts_at": "2030-01-01T10:00:00Z",
        "ends_at": "2030-01-01T11:00:00Z",
    }  # fmt: skip
    return Arrival(**common, method="POST", path="/bookings/", body=body, key=f"key-{i}")


def tell_events(folder: Path, manifest: Manifest) -> None:
    journal = FolderJournal(folder / "events.jsonl", lambda: T0_AT)
    journal.tell(StepTaken(text="starting all"))
    for phase in PHASES:
        at_s = manifest.phases.window(phase)[0]
        journal.tell(PhaseStarted(phase=phase, at_s=at_s))
        for twin in manifest.twins:
            share = 0.2 if twin.service == NAIVE else 0.15
            journal.tell(CpuRead(twin=twin.name, at_s=at_s, cpu_s=at_s * share))
    for twin in manifest.twins:
        for event in changes_of(twin.name, manifest):
            journal.tell(event)
    journal.close()


def _twin(writer: RunWriter, number: int, twin: TwinPlan, made_up: Fabricated, at_s: Any) -> None:
    """What the programs beside a twin and its testbed leave."""
    folder = writer.twin_folder(twin.name)
    kept = int(at_s.size * made_up.keep)
    rows = requests_of(number, twin, made_up, at_s)[:kept]
    whose = {"twin": twin.name}
    write_requests(folder / "requests.bin", twin.name, rows)
    summary = a_summary(ops=OPS, planned=made_up.requests, recorded=kept)
    write_json(folder / "load.json", whose | asdict(summary))
    booked = rows[rows["op"] == BOOKING]
    write_lines(folder / "history.jsonl", (whose | _answer(row) for row in booked))
    samples = probes_of(number, made_up) if made_up.probes else ()
    write_lines(folder / "probes.jsonl", map(whose.__or__, samples))
    write_lines(folder / "metrics.jsonl", map(whose.__or__, metrics_of(made_up)))
    write_lines(folder / "canary.jsonl", map(whose.__or__, wake_ups_of(made_up)))
    write_json(folder / "initial.json", whose | seeded())
    acked = booked["i"][booked["outcome"] == Outcome.OK].tolist()
    there = acked[:-3] if twin.service == NAIVE else acked
    write_json(
        folder / "final.json",
        whose
        | ended(
            bookings=[booking_row(i + 2, f"r-{i}") for i in there],
            charges=[charge_row(i, f"r-{i}") for i in there],
        ),
    )
    if made_up.members:
        writer.parts(twin.name, _members(made_up))
    for name in ("load", "service"):
        (folder / "logs" / f"{name}.log").write_text(f"{name} of {twin.name} is ready\n")


def requests_of(number: int, twin: TwinPlan, made_up: Fabricated, at_s: Any) -> Any:
    """The records of `twin`, one for each planned arrival."""
    suffers = twin.service == NAIVE
    draw = np.random.default_rng([made_up.seed, number])
    rows = np.zeros(at_s.size, dtype=REQUEST_42)
    hit = np.array([made_up.on(at) for at in at_s.tolist()], dtype=bool)
    latency_s = np.minimum(draw.lognormal(np.log(0.006), 0.45, at_s.size), 0.05)
    latency_s[hit] += draw.choice([0.42, 0.75], hit.sum()) if suffers else 0.105
    fate = np.where(hit & suffers, draw.uniform(0, 1, at_s.size), 1.0)
    timed_out, refused, failed = fate < 0.12, (fate >= 0.12) & (fate < 0.17), (fate >= 0.17) & (fate < 0.22)
    latency_s[timed_out] = C_S
    rows["i"], rows["op"], rows["status"] = np.arange(at_s.size), np.arange(at_s.size) % len(OPS), 200
    rows["status"][timed_out], rows["status"][refused], rows["status"][failed] = 0, 503, 500
    rows["failure"][timed_out] = Failure.TIMEOUT
    rows["outcome"][timed_out | failed], rows["outcome"][refused] = Outcome.UNKNOWN, Outcome.REFUSED
    rows["flags"] = np.where((fate >= 0.22) & (fate < 0.225), 3, 1)
    rows["intended"] = T0_AT + at_s
    rows["started"] = rows["sent"] = rows["intended"] + 0.0004
    rows["end"] = rows["intended"] + latency_s
    return rows


def _answer(row: Any) -> dict[str, Any]:
    acked = int(row["outcome"]) == Outcome.OK
    return {
        "i": int(row["i"]), "op": OPS[BOOKING], "outcome": int(row["outcome"]), "status": int(row["status"]),
        "end": float(row["end"]), "answered": {"id": int(row["i"]) + 2} if acked else None,
    }  # fmt: skip


def probes_of(number: int, made_up: Fabricated) -> Iterator[dict[str, Any]]:
    """Ten samples a second of the database's link, and two of its sessions."""
    draw = np.random.default_rng([made_up.seed, 2, number])
    for tick, at_s in enumerate(np.arange(0.0, made_up.phases.total_s, 0.1).tolist()):
        late_ms = 2 * LATENCY_MS if made_up.on(at_s) else 0  # the start-up packet, then the query
        answer_ms = 0.6 + min(float(draw.exponential(0.3)), 3.0) + late_ms
        yield {"type": "LinkSample", **asdict(probe(round(at_s, 6), answer_ms=answer_ms))}
        if made_up.sessions and tick % 5 == 0:
            held = 8 if made_up.on(at_s) else 0
            sample = SessionsSample(
                target=str(STORE), start_s=round(at_s, 6), service=12, held=held, waiting=held
            )
            yield {"type": "SessionsSample", **asdict(replace(sample, waiting=held // 2))}


def _members(made_up: Fabricated) -> Iterator[PartSample]:
    """Five samples a second; the last member is paused, then dead, then restarted."""
    start, end = made_up.phases.window(FAULT)
    for at_s in np.arange(0.0, made_up.phases.total_s, 0.2).tolist():
        for member in range(1, made_up.members + 1):
            struck = member == made_up.members
            dead = struck and start + 2 <= at_s < end
            paused = struck and start <= at_s < start + 2
            yield PartSample(
                target=str(a_part(SERVICE)), start_s=round(at_s, 6), member=str(member),
                pid=0 if dead else 100 + member,
                life=Life.DEAD if dead else Life.PAUSED if paused else Life.RUNNING,
                restarts=int(struck and at_s >= end), cpu_s=None if dead else 0.3 * at_s,
                rss_bytes=None if dead else int((60 + 8 * member + at_s) * 1e6), descriptors=40,
            )  # fmt: skip


def wake_ups_of(made_up: Fabricated) -> Iterator[dict[str, Any]]:
    """A canary that nobody holds up."""
    return ({"at_s": second, "p50_ms": 0.1, "max_ms": 0.5} for second in range(int(made_up.phases.total_s)))


def metrics_of(made_up: Fabricated) -> Iterator[dict[str, Any]]:
    """A reading each second."""
    for at_s in np.arange(0.0, made_up.phases.total_s, 1.0).tolist():
        yield {"member": "1", "at_s": at_s, "ok": True, "samples": {"http_requests_in_flight": 2.0}}


def write_requests(path: Path, twin: str, rows: Any) -> None:
    path.write_bytes(twin.encode().ljust(42, b"\0") + rows.tobytes())


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def write_lines(path: Path, values: Iterable[object]) -> None:
    with path.open("w") as out:
        out.writelines(json.dumps(value) + "\n" for value in values)
