"""A fabricated run whose load writes: bookings, transfers, profiles, holds and repeats, by the lab's own planner.

Every check of the lab judges it. The naive twin's books are flawed, the hardened twin's are not; while the fault is on,
the naive twin is slow, refuses, or leaves its clients in doubt.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from lab.checks.invariants import INVARIANTS
from lab.checks.slos import AnswersWithin, CleanRefusals, GoodRatio, LatencyQuantile, RecoversWithin
from lab.faults import Latency
from lab.model import BASELINE, DATABASE, FAULT, Arrival, Failure, Load, Outcome, Scenario, TwinPlan, Verdict
from lab.plan.arrivals import plan_arrivals
from lab.record import Manifest, RunWriter
from lab.workload.booking import BOOKING
from lab.workload.booking.slots import CONTESTED_DAY, CONTESTED_EVERY
from loadtests.oracle import is_wrong
from loadtests.records import NOT_NEEDED, REUSED, WRONG
from tests.fabricated.books import Books, Row, start
from tests.fabricated.evidence import HARDENED, NAIVE, T0_AT, a_manifest, a_summary, quiet
from tests.fabricated.folder import (
    Fabricated,
    metrics_of,
    probes_of,
    requests_of,
    tell_events,
    wake_ups_of,
    write_json,
    write_lines,
    write_requests,
)

MIX = {
    "get_booking": 9, "user_bookings": 4, "create_booking": 2, "create_booking_repeated": 1, "contested_booking": 1,
    "transfer": 1, "transfer_repeated": 1, "crossing_transfer": 1, "update_profile": 2, "create_hold": 1,
}  # fmt: skip
CONFLICT = 409
DOUBTFUL_DONE_EVERY = 2  # of the writes without an answer


def scenario_of(made_up: Fabricated) -> Scenario:
    """Every invariant, and an SLO of each kind that looks at requests."""
    slos = (
        GoodRatio(phase=FAULT, at_least=0.95),
        AnswersWithin(phase=FAULT, at_most_ms=2_000),
        CleanRefusals(phase=FAULT, at_most=0.01),
        LatencyQuantile(phase=BASELINE, quantile=0.95, at_most_ms=300),
        RecoversWithin(at_most_s=5),
    )
    told = dict.fromkeys(("title", "hypothesis", "mirrors"), "nothing: made up, for tests only")
    rate_rps = made_up.requests / made_up.phases.load_s
    return Scenario(
        name="s98-everything",
        **told,
        load=Load(rate_rps=rate_rps, mix=MIX, good_within_ms=300),
        faults=(Latency(link=DATABASE, latency_ms=100),),
        checks=(*slos, *(each() for each in INVARIANTS)),
        expected={NAIVE: Verdict.BROKEN, HARDENED: Verdict.HELD},
    )


def make_writing_run(folder: Path, made_up: Fabricated) -> Path:
    """Write a whole run folder into `folder` and return it; about `made_up.requests` per twin."""
    writer, scenario = RunWriter(folder), scenario_of(made_up)
    arrivals = list(plan_arrivals(scenario.load, made_up.phases, made_up.seed, BOOKING, BOOKING.sizes))
    manifest = a_manifest(
        scenario, made_up.twins, run=folder.name, seed=made_up.seed, phases=made_up.phases, sizes=BOOKING.sizes,
        planned=len(arrivals), history_ops=tuple(sorted(BOOKING.history_ops)),
    )  # fmt: skip
    writer.manifest(manifest)
    writer.t0(T0_AT)
    writer.end(T0_AT + made_up.phases.load_s)
    writer.schedule(arrivals)
    tell_events(folder, manifest)
    for sample in quiet(made_up.phases):
        writer.machine(sample)
    for number, twin in enumerate(made_up.twins):
        _twin(writer, number, twin, made_up, manifest, arrivals)
    writer.seal()
    return folder


def _twin(
    writer: RunWriter,
    number: int,
    twin: TwinPlan,
    made_up: Fabricated,
    manifest: Manifest,
    arrivals: Sequence[Arrival],
) -> None:
    folder = writer.twin_folder(twin.name)
    rows = requests_of(number, twin, made_up, np.array([arrival.at_s for arrival in arrivals]))
    rows["op"] = [tuple(MIX).index(arrival.op) for arrival in arrivals]
    read = np.array([arrival.method == "GET" for arrival in arrivals])
    rows["outcome"][read & (rows["outcome"] == Outcome.UNKNOWN)] = Outcome.FAILED
    books = Books(manifest.sizes, flawed=twin.service == NAIVE)
    play = _Play(rows=rows, books=books)
    whose = {"twin": twin.name}
    write_lines(folder / "history.jsonl", map(whose.__or__, play.lines(arrivals)))
    write_requests(folder / "requests.bin", twin.name, rows)
    summary = a_summary(
        ops=tuple(MIX), planned=len(rows), recorded=len(rows), oracle=dict.fromkeys(MIX, True)
    )
    write_json(folder / "load.json", whose | asdict(summary))
    write_lines(folder / "probes.jsonl", map(whose.__or__, probes_of(number, made_up)))
    write_lines(folder / "metrics.jsonl", map(whose.__or__, metrics_of(made_up)))
    write_lines(folder / "canary.jsonl", map(whose.__or__, wake_ups_of(made_up)))
    for name, tables in (("initial", start(manifest.sizes)), ("final", books.tables)):
        (folder / f"{name}.json").write_text(json.dumps(whose | tables) + "\n")


@dataclass(kw_only=True)
class _Play:
    """What one twin makes of the schedule. The records say how each request fares; a conflict changes them."""

    rows: Any
    books: Books
    taken: set[tuple[int, int]] = field(default_factory=set)

    def lines(self, arrivals: Sequence[Arrival]) -> Iterator[Row]:
        """history.jsonl, in the order of the schedule."""
        for arrival in arrivals:
            if arrival.repeats is not None and self._settled(arrival.repeats, arrival.i):
                self._not_needed(arrival.i)
            elif arrival.op in BOOKING.history_ops:
                yield self._line(arrival)

    def _settled(self, first: int, repeat: int) -> bool:
        row = self.rows[first]
        final = row["failure"] == Failure.NONE and row["status"] != 503
        return bool(final and row["end"] <= self.rows[repeat]["started"])

    def _not_needed(self, i: int) -> None:
        self.rows["status"][i], self.rows["failure"][i], self.rows["outcome"][i] = 0, 0, Outcome.REFUSED
        self.rows["flags"][i], self.rows["sent"][i] = NOT_NEEDED, 0.0
        self.rows["end"][i] = self.rows["started"][i]

    def _line(self, arrival: Arrival) -> Row:
        if arrival.op == "contested_booking" and self.rows["status"][arrival.i] == 200:
            self._contest(arrival)
        outcome = int(self.rows["outcome"][arrival.i])
        answered: Row | None = {"effect": "none"} if outcome == Outcome.REFUSED else None
        if outcome == Outcome.OK or (outcome == Outcome.UNKNOWN and arrival.i % DOUBTFUL_DONE_EVERY):
            done = self.books.do(arrival)
            answered = done if outcome == Outcome.OK else None
        wrong = outcome == Outcome.OK and is_wrong(arrival.expect, answered)
        self.rows["flags"][arrival.i] = REUSED | WRONG * wrong
        return {
            "i": arrival.i, "op": arrival.op, "outcome": outcome, "status": int(self.rows["status"][arrival.i]),
            "end": float(self.rows["end"][arrival.i]), "answered": answered,
        }  # fmt: skip

    def _contest(self, arrival: Arrival) -> None:
        """Whoever comes first gets the hour; the others want one that overlaps it."""
        body: Mapping[str, Any] = arrival.body or {}
        at = datetime.fromisoformat(body["starts_at"])
        hour = (body["room_id"], (at - CONTESTED_DAY) // CONTESTED_EVERY)
        if hour in self.taken:
            self.rows["status"][arrival.i], self.rows["outcome"][arrival.i] = CONFLICT, Outcome.REFUSED
        self.taken.add(hour)
