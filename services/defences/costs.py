"""The measured cost of the defences: docs/defences.json, which tests/benchmarks/defences_cost.py writes, in words.

A difference is {"low", "added", "high"}, with the two levels that it compares, {"base", "other"}.
"""

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "docs" / "defences.json"
TITLE = "## What each costs, measured"
BENCHMARK = ".venv/bin/python -P -m pytest tests/benchmarks/defences_cost.py"
HEADINGS = (
    "| defence | CPU, alone | CPU, among all | time, alone | time, among all | trips, alone | trips, among all |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)
EXPLAINED = """\
Two twins that differ in one defence answered the same {requests} requests, one right after the other, while nothing
was broken; the load was that of `s00-control`. *Alone* compares the defence with none at all, *among all* compares
all defences with all but this one. The table shows what the defence adds to a request:

- **CPU** and **time**, in milliseconds: the median difference for each operation, weighted as in the load. In brackets
  is the range in which it would lie in {share:.0%} of such measurements. A value is bold if that range does not include
  0; all others are too small to tell from nothing, whatever their sign. CPU is that of the service's own process.
- **Trips** to the database and back, counted, not timed: over a link of 10 ms each costs 10 ms.

The last row compares a twin with itself, which shows the noise. These numbers do not include what a defence costs when
it acts (a retry, a refusal), or its work in the background (a pool that refills, a sweeper).

Measured on {day} at commit `{commit}`, on {machine[cores]} cores, {machine[system]} {machine[kernel]}, Python
{machine[python]}. To measure again, on a machine that has nothing else to do: `{benchmark}`
"""
Measured = dict[str, Any]


def read() -> Measured:
    """What was measured; empty if nothing was."""
    return json.loads(DATA.read_text()) if DATA.exists() else {}


def sentence(measured: Measured, name: str) -> str:
    """What the defence costs when all others are on."""
    found = measured.get("defences", {}).get(name)
    if not found:
        return ""
    cpu, trips = found["among"]["cpu_ms"], _trips(found["among"])
    of_cpu = "no CPU above the noise" if _noise(cpu) else f"{_signed(cpu['added'])} ms of CPU"
    return f"Measured: {of_cpu}, {trips} round trips to the database per request."


def chapter(measured: Measured) -> list[str]:
    """The table of all defences, and how to read it."""
    if not measured:
        return [TITLE, "", f"Not measured yet: `{BENCHMARK}`"]
    rows = [_row(f"[{name}](#{name})", found) for name, found in measured["defences"].items()]
    same = _row("*the same twin twice*", measured["nothing"])
    return [
        TITLE,
        "",
        EXPLAINED.format(benchmark=BENCHMARK, **measured),
        *_both(measured["twins"]),
        "",
        *HEADINGS,
        *rows,
        same,
    ]


def _both(twins: Measured) -> list[str]:
    """The complete twins, side by side."""
    cpu, time, trips = twins["cpu_ms"], twins["time_ms"], twins["round_trips"]
    return [
        "| per request | CPU, ms | time, ms | trips |",
        "| --- | --- | --- | --- |",
        f"| naive | {cpu['base']:.2f} | {time['base']:.2f} | {trips['base']:.2f} |",
        f"| hardened, all defences on | {cpu['other']:.2f} | {time['other']:.2f} | {trips['other']:.2f} |",
        f"| the difference | {_added(cpu)} | {_added(time)} | {_trips(twins)} |",
    ]


def _row(title: str, found: Measured) -> str:
    alone, among = found["alone"], found["among"]
    times = [_added(each[kind]) for kind in ("cpu_ms", "time_ms") for each in (alone, among)]
    return "| " + " | ".join([title, *times, _trips(alone), _trips(among)]) + " |"


def _added(difference: dict[str, float]) -> str:
    low, added, high = (difference[key] for key in ("low", "added", "high"))
    told = f"{_signed(added)} ({_signed(low)} to {_signed(high)})"
    return told if _noise(difference) else f"**{_signed(added)}** ({_signed(low)} to {_signed(high)})"


def _noise(difference: dict[str, float]) -> bool:
    return difference["low"] <= 0 <= difference["high"]


def _trips(found: Measured) -> str:
    return _signed(found["round_trips"]["other"] - found["round_trips"]["base"])


def _signed(number: float) -> str:
    """+0.12, −0.12 or 0, without meaningless digits."""
    rounded = round(number, 2)
    return f"{rounded:+.2f}".replace("-", "−") if rounded else "0"
