"""Evidence written by hand, for tests of faults, checks, gates and the judge; healthy until told otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from lab.model import (
    DATABASE,
    FAULT,
    NAIVE,
    Failure,
    Fault,
    LinkState,
    Load,
    Operation,
    Outcome,
    Phases,
    ProbeSample,
    Scenario,
)
from lab.plan.switches import plan_actions
from lab.record import REQUEST

PHASES = Phases(warmup_s=3, baseline_s=6, fault_s=10, recovery_s=10, drain_s=2)
OPS = ("get_booking", "create_booking", "healthz", "readyz")
LOAD = Load(rate_rps=20, mix={"get_booking": 1}, good_within_ms=300, client_timeout_s=5)
TABLES = (
    "bookings",
    "wallets",
    "transfers",
    "ledger",
    "profiles",
    "audit",
    "charges",
    "activity",
    "locks",
    "holds",
)
Row = dict[str, Any]


def a_scenario(**changes: Any) -> Scenario:
    words = {name: name for name in ("title", "hypothesis", "question", "mirrors")}
    return Scenario(**{"name": "s99-made-up", **words, "load": LOAD, **changes})


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
) -> ProbeSample:
    """An answered probe; give `error` for one that was not."""
    times = (
        {
            "connect_ms": 0.1,
            "first_byte_ms": answer_ms,
            "last_byte_ms": answer_ms,
            "closed_ms": answer_ms + 0.2,
        }
        if not changes.get("error")
        else {"connect_ms": 0.1, "first_byte_ms": None, "last_byte_ms": None, "closed_ms": None}
    )
    return ProbeSample(
        **{
            "link": link,
            "start_s": start_s,
            "error": "",
            "received_bytes": 60,
            "chunks": 1,
            **times,
            **changes,
        }
    )


def probes(start_s: float, end_s: float, **what: Any) -> list[ProbeSample]:
    """Ten a second."""
    return [probe(float(at_s), **what) for at_s in np.arange(start_s, end_s - 1e-9, 0.1)]


def seeded() -> dict[str, list[Row]]:
    """What a twin starts with: two users with wallets and profiles, one booking of last year."""
    state: dict[str, list[Row]] = {table: [] for table in TABLES}
    state["wallets"] = [{"id": n, "user_id": n, "balance_cents": 1_000} for n in (1, 2)]
    state["profiles"] = [
        {"user_id": n, "display_name": f"User {n}", "bio": "", "version": 1, "reference": None}
        for n in (1, 2)
    ]
    state["bookings"] = [
        booking_row(1, None, starts_at="2025-01-01T10:00:00+00:00", ends_at="2025-01-01T11:00:00+00:00")
    ]
    return state


def ended(**rows: list[Row]) -> dict[str, Any]:
    """The state at the end: the seed, with `rows` added to their tables."""
    state = seeded()
    for table, more in rows.items():
        state[table] = [*state[table], *more]
    return {**state, "read_at": "2026-11-21T08:01:00+00:00"}


def booking_row(row_id: int, reference: str | None, **changes: Any) -> Row:
    return {
        "id": row_id, "user_id": 1, "room_id": 1, "status": "confirmed", "price_cents": 2_000, "reference": reference,
        "starts_at": "2030-01-01T10:00:00+00:00", "ends_at": "2030-01-01T11:00:00+00:00",
        "charge_id": "ch_1", "created_at": "2026-11-21T08:00:00+00:00", **changes,
    }  # fmt: skip


def charge_row(row_id: int, reference: str) -> Row:
    return {"id": f"ch_{row_id}", "reference": reference, "amount_cents": 2_000}


def operation(
    op: str, asked: Row, outcome: Outcome = Outcome.OK, *, i: int = 0, answered: Any = None
) -> Operation:
    status = {Outcome.OK: 201, Outcome.REFUSED: 409, Outcome.UNKNOWN: 0}[outcome]
    return Operation(
        i=i,
        op=op,
        at_s=1.0,
        end_s=1.1,
        outcome=outcome,
        status=status,
        asked=asked,
        key=None,
        answered=answered,
    )


def booking(reference: str, outcome: Outcome = Outcome.OK, **changes: Any) -> Operation:
    asked = {
        "path": "/bookings/", "user_id": 1, "room_id": 1, "reference": reference,
        "starts_at": "2030-01-01T10:00:00Z", "ends_at": "2030-01-01T11:00:00Z",
    }  # fmt: skip
    answered = changes.pop("answered", {"id": 2} if outcome == Outcome.OK else None)
    return operation("create_booking", {**asked, **changes}, outcome, answered=answered)


def transfer(reference: str, outcome: Outcome = Outcome.OK, cents: int = 100) -> Operation:
    asked = {
        "path": "/transfers/",
        "from_wallet_id": 1,
        "to_wallet_id": 2,
        "amount_cents": cents,
        "reference": reference,
    }
    return operation("transfer", asked, outcome, answered={"id": 1} if outcome == Outcome.OK else None)


def update(reference: str, outcome: Outcome = Outcome.OK, user: int = 1) -> Operation:
    asked = {"path": f"/users/{user}/profile/", "display_name": "New", "bio": "b", "reference": reference}
    return operation("update_profile", asked, outcome)


@dataclass
class HandmadeTwin:
    """One twin's evidence; healthy, with a history of nothing."""

    twin: str = NAIVE
    scenario: Scenario = field(default_factory=a_scenario)
    phases: Phases = PHASES
    requests: Any = field(default_factory=requests)
    ops: tuple[str, ...] = OPS
    history: Sequence[Operation] = ()
    initial: Mapping[str, Any] = field(default_factory=seeded)
    final: Mapping[str, Any] = field(default_factory=ended)
    metrics: Sequence[Mapping[str, Any]] = ()
    probes: Sequence[ProbeSample] = ()
    fault_windows: Sequence[tuple[int, float, float]] = ()
    load: Mapping[str, Any] = field(
        default_factory=lambda: {"cap_hits": 0, "errors": [], "oracle_rejects_planted_wrong": True}
    )


@dataclass
class HandmadeRun:
    """A run of handmade twins."""

    twins: Mapping[str, HandmadeTwin]
    manifest: dict[str, Any]
    events: list[dict[str, Any]]

    def twin(self, name: str, scenario: Scenario) -> HandmadeTwin:
        return replace(self.twins[name], scenario=scenario)


def a_run(scenario: Scenario, **twins: HandmadeTwin) -> HandmadeRun:
    """A run of `twins` in which every planned switch was made on time and echoed as asked."""
    actions = plan_actions(scenario.faults, PHASES, 1)
    manifest = {
        "run": "20261121-083000-s99-made-up-0001",
        "status": "complete",
        "planned": len(next(iter(twins.values())).requests),
        "actions": [asdict(action) for action in actions],
        "twins": {name: {"defences": ""} for name in twins},
    }
    events = [_switch(name, scenario, action) for action in actions for name in twins]
    return HandmadeRun(twins=twins, manifest=manifest, events=events)


def _switch(twin: str, scenario: Scenario, action: Any) -> dict[str, Any]:
    fault: Fault = scenario.faults[action.fault]
    asked = asdict(fault.state() if action.on else LinkState())
    return {
        "event": "inject" if action.on else "heal", "twin": twin, "fault": action.fault, "link": fault.link,
        "planned_s": action.at_s, "before_s": action.at_s + 0.001, "after_s": action.at_s + 0.003,
        "asked": asked, "echo": asked, "ok": True, "error": "",
    }  # fmt: skip
