"""A run folder that nobody ran: for tests of readers and reports only, never shown to people as a result.

The naive twin suffers while the fault is on (late, refused, without an answer, now and then wrong); the hardened one
is a little slower. Everything follows from the seed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lab.model import (
    BASELINE,
    DATABASE,
    FAULT,
    HARDENED,
    NAIVE,
    PHASES,
    RECOVERY,
    WARMUP,
    CheckResult,
    Failure,
    Gate,
    Outcome,
    Phases,
    RunVerdict,
    TwinVerdict,
    Verdict,
)

# Written out a second time on purpose: a reader that disagrees with the format of the run folder is found here.
REQUEST_42 = np.dtype(
    [("i", "<u4"), ("op", "u1"), ("status", "<u2"), ("failure", "u1"), ("outcome", "u1"), ("flags", "u1")]
    + [(name, "<f8") for name in ("intended", "started", "sent", "end")]
)
T0_AT = 5_000.0
LATENCY_MS = 100
HOSTILE = "booking <script>alert(1)</script> r-17 | `r` was acknowledged and is missing"
X_MS, C_S = 300.0, 5.0
SHORT = Phases(warmup_s=3, baseline_s=6, fault_s=10, recovery_s=10, drain_s=2)
OPS = ("get_booking", "user_bookings", "rooms_search", "healthz")
STORY = {
    "title": "Database latency",
    "hypothesis": "With 100 ms on the way back from the database, reads still answer within 300 ms.",
    "question": "100 ms on the database link: is one request 100, 300 or 700 ms slower?",
    "mirrors": "a synthetic run, for tests only",
    "lesson": "connection_pool: a warm connection costs one round trip, a new one costs several.",
}


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """What to make up. `bursts` are the fault's on-windows as fractions of the fault phase."""

    requests: int = 1_200  # per twin
    phases: Phases = SHORT
    twins: tuple[str, ...] = (NAIVE, HARDENED)
    bursts: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    probes: bool = True
    status: str = "complete"
    keep: float = 1.0  # the share of the planned requests that were recorded, from the start
    seed: int = 7

    @property
    def windows(self) -> tuple[tuple[float, float], ...]:
        start, end = self.phases.window(FAULT)
        return tuple((start + a * (end - start), start + b * (end - start)) for a, b in self.bursts)


def make_run(folder: Path, made_up: Synthetic = Synthetic()) -> Path:
    """Write a whole run folder into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    at_s = np.sort(np.random.default_rng(made_up.seed).uniform(0, made_up.phases.load_s, made_up.requests))
    _json(folder / "manifest.json", _manifest(folder.name, made_up))
    _json(folder / "t0.json", {"t0": T0_AT})
    _lines(folder / "schedule.jsonl", (_arrival(i, at) for i, at in enumerate(at_s.tolist())))
    _lines(folder / "events.jsonl", _events(made_up))
    for twin in made_up.twins:
        _twin(folder / twin, twin, made_up, at_s)
    return folder


def _manifest(run: str, made_up: Synthetic) -> dict[str, Any]:
    faults = [{"kind": "latency", "description": f"{LATENCY_MS} ms on every answer of the database",
               "link": DATABASE, "during": [0.0, 1.0], "burst": None, "latency_ms": LATENCY_MS}]  # fmt: skip
    return {
        "run": run, "status": made_up.status, "scenario": "s01-db-latency", "story": STORY, "settings": [],
        "quick": True, "seed": made_up.seed, "runtime": "local",
        "phases": asdict(made_up.phases),
        "load": {"rate_rps": made_up.requests / made_up.phases.load_s, "mix": {"get_booking": 1},
                 "good_within_ms": X_MS, "client_timeout_s": C_S},
        "faults": faults if made_up.bursts else [],
        "actions": [{"at_s": at, "fault": 0, "on": on} for window in made_up.windows
                    for at, on in zip(window, (True, False), strict=True)],
        "twins": {twin: {"defences": "none" if twin == NAIVE else "all"} for twin in made_up.twins},
        "seed_sizes": {"users": 500, "rooms": 40, "bookings": 2000, "wallets": 500},
        "planned": made_up.requests, "t0": T0_AT, "t0_wall": "2026-11-21T08:30:00+00:00",
        "facts": {"engine": "toxiproxy", "toxiproxy": "2.12.0", "postgres": "18.1", "python": "3.13.5"},
        "machine": {"system": "Linux", "kernel": "6.12", "architecture": "x86_64", "cores": 2, "python": "3.13.5"},
        "lab_version": "0.1.0", "commit": "0123456",
    }  # fmt: skip


def _arrival(i: int, at_s: float) -> dict[str, Any]:
    return {
        "i": i,
        "at_s": at_s,
        "op": OPS[i % len(OPS)],
        "method": "GET",
        "path": f"/bookings/{1 + i % 2000}/",
    }


def _events(made_up: Synthetic) -> Iterable[dict[str, Any]]:
    toxic = {
        "type": "latency",
        "stream": "downstream",
        "attributes": {"latency": LATENCY_MS, "jitter": 0},
        "toxicity": 1.0,
    }
    for phase in PHASES:
        at_s = made_up.phases.window(phase)[0]
        yield {"event": "phase", "phase": phase, "at_s": at_s}
        for twin in made_up.twins:
            yield {
                "event": "cpu",
                "twin": twin,
                "at_s": at_s,
                "cpu_s": at_s * (0.2 if twin == NAIVE else 0.15),
            }
    for window in made_up.windows:
        for name, at_s, toxics in zip(("inject", "heal"), window, ([toxic], []), strict=True):
            state = {"enabled": True, "toxics": toxics}
            for twin in made_up.twins:
                yield {"event": name, "twin": twin, "fault": 0, "link": DATABASE, "planned_s": at_s, "before_s": at_s,
                       "after_s": at_s + 0.004, "asked": state, "echo": state, "ok": True, "error": ""}  # fmt: skip


def _twin(folder: Path, twin: str, made_up: Synthetic, at_s: Any) -> None:
    folder.mkdir(exist_ok=True)
    kept = int(at_s.size * made_up.keep)
    requests(twin, made_up, at_s)[:kept].tofile(folder / "requests.bin")
    _json(folder / "load.json", {
        "ops": list(OPS), "planned": made_up.requests, "recorded": kept, "cap_hits": 0,
        "oracle_rejects_planted_wrong": True, "cpu_s": 3.1, "cpu_share_max": 0.22,
        "started_at": T0_AT, "rss_bytes_start": 60_000_000, "rss_bytes_end": 61_000_000, "errors": [],
    })  # fmt: skip
    _lines(folder / "history.jsonl", [])
    _lines(folder / "probes.jsonl", _probes(twin, made_up) if made_up.probes else [])
    _lines(folder / "metrics.jsonl", [{"at_s": 1.0, "ok": True, "samples": {"http_requests_in_flight": 2.0}}])
    for name in ("initial.json", "final.json"):
        _json(folder / name, {"bookings": [], "wallets": [], "transfers": [], "ledger": [], "charges": []})


def requests(twin: str, made_up: Synthetic, at_s: Any) -> Any:
    """The records of `twin`, one for each planned arrival."""
    draw = np.random.default_rng([made_up.seed, twin == NAIVE])
    rows = np.zeros(at_s.size, dtype=REQUEST_42)
    hit = np.zeros(at_s.size, dtype=bool)
    for start, end in made_up.windows:
        hit |= (at_s >= start) & (at_s < end)
    latency_s = draw.lognormal(np.log(0.006), 0.45, at_s.size)
    latency_s[hit] += 0.105 if twin == HARDENED else draw.choice([0.42, 0.75], hit.sum())
    fate = np.where(hit & (twin == NAIVE), draw.uniform(0, 1, at_s.size), 1.0)
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


def _probes(twin: str, made_up: Synthetic) -> Iterable[dict[str, Any]]:
    draw = np.random.default_rng([made_up.seed, 2, twin == NAIVE])
    for at_s in np.arange(0.0, made_up.phases.total_s, 0.1).tolist():
        on = any(start <= at_s < end for start, end in made_up.windows)
        answer = (
            0.6 + float(draw.exponential(0.3)) + (2 * LATENCY_MS if on else 0)
        )  # start-up packet, then query
        yield {"link": DATABASE, "start_s": at_s, "error": "", "connect_ms": 0.2, "first_byte_ms": answer,
               "last_byte_ms": answer + 0.1, "closed_ms": answer + 0.3, "received_bytes": 60, "chunks": 1}  # fmt: skip


def _json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def _lines(path: Path, values: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w") as out:
        out.writelines(json.dumps(value) + "\n" for value in values)


def make_verdict(run: str, *, valid: bool = True, twins: tuple[str, ...] = (NAIVE, HARDENED)) -> RunVerdict:
    """A verdict that fits the folder that `make_run` makes; made up, not judged."""
    answer = "With 100 ms on every answer of the database, naive broke (1.4 % good) and hardened held (99.8 % good)."
    return RunVerdict(
        run=run,
        scenario="s01-db-latency",
        valid=valid,
        gates=_gates(valid),
        twins=tuple(_judged(twin) for twin in twins) if valid else (),
        as_expected=True if valid else None,
        sentence=answer if valid else "Invalid: the probe never felt the delay that was asked for.",
    )


def _gates(valid: bool) -> tuple[Gate, ...]:
    felt_ms = 100.2 if valid else 0.1
    felt = f"The probe felt {felt_ms} ms more; asked were {LATENCY_MS} ms."
    whole = "All planned requests were recorded."
    return (
        Gate(name="planned = recorded", passed=True, value=1200, limit=1200, unit="requests", sentence=whole),
        Gate(name="send lag", passed=True, value=0.4, limit=5, unit="ms", sentence="In time.", twin=HARDENED),
        Gate(name="fault felt", passed=valid, value=felt_ms, limit=3, unit="ms", sentence=felt, twin=NAIVE),
        Gate(
            name="oracle alive", passed=True, value=None, limit=None, unit="", sentence="It is.", twin=NAIVE
        ),
    )


def _judged(twin: str) -> TwinVerdict:
    verdict = Verdict.BROKEN if twin == NAIVE else Verdict.HELD
    good, lost = (0.014, 3) if twin == NAIVE else (0.998, 0)
    checks = (
        CheckResult(
            check="At least 95 % of the requests are good during the fault",
            verdict=verdict,
            value=good,
            threshold=0.95,
            unit="share",
            sentence=f"{100 * good:g} % of the planned requests were good.",
        ),
        CheckResult(
            check="Recovers within 5 s",
            verdict=Verdict.HELD,
            value=0.0,
            threshold=5.0,
            unit="s",
            sentence="Recovered 0 s after the fault.",
        ),
        CheckResult(
            check="What was acknowledged is there",
            verdict=verdict,
            value=lost,
            threshold=0,
            unit="bookings",
            sentence=f"{lost} acknowledged bookings are not in the data.",
            examples=(HOSTILE,) if lost else (),
            invariant="I1",
        ),
    )
    return TwinVerdict(
        twin=twin, verdict=verdict, expected=verdict, checks=checks, numbers=_numbers(twin, good)
    )


def _numbers(twin: str, good: float) -> dict[str, Any]:
    calm = {
        "planned": 240,
        "good_ratio": 1.0,
        "goodput_rps": 40.0,
        "p50_ms": 5.9 if twin == NAIVE else 6.1,
        "p95_ms": 12.4,
        "p99_ms": None,
        "outcomes": {},
        "statements_per_request": 1.2,
    }
    hit = calm | {
        "planned": 400,
        "good_ratio": good,
        "goodput_rps": 40 * good,
        "p50_ms": 512.0,
        "p95_ms": math.inf,
    }
    return {
        "phases": {WARMUP: calm, BASELINE: calm, FAULT: hit, RECOVERY: calm},
        "time_to_recover_s": math.inf if twin == NAIVE else 0.0, "lost_good_s": 9.86 if twin == NAIVE else 0.02,
        "cpu_ms_per_request": 5.0 if twin == NAIVE else 4.2, "send_lag_p99_ms": 0.7,
    }  # fmt: skip
