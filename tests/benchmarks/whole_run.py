"""What a run costs, and how precise it is: python -m tests.benchmarks.whole_run [SCENARIO] [options of bin/lab run].

A real quick run on the local runtime, s01-db-latency if none is named. Not a timed test: it prints. Nothing else should
run on the machine meanwhile. At a high rate: … s01-db-latency --set load.rate_rps=100.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 300
GATES = {
    "schedule lag": "schedule lag p99",
    "faults on time": "faults off plan, p95",
    "twins in step": "twins told apart, p95",
}
NOT_TOLD = "–"


def main(scenario: str, *options: str) -> None:
    command = [
        sys.executable,
        "-m",
        "lab",
        "run",
        scenario,
        "--quick",
        "--runtime",
        "local",
        "--json",
        *options,
    ]
    begun = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        first = run.stdout.readline()
        judged_s = time.perf_counter() - begun
        rest = run.stdout.read()
        run.wait(TIMEOUT_S)
    took_s = time.perf_counter() - begun
    if not first:
        sys.exit(1)
    verdict = json.loads(first + rest)
    manifest = json.loads((ROOT / "runs" / verdict["run"] / "manifest.json").read_text())
    for line in tell(verdict, manifest, judged_s, took_s):
        print(line)


def tell(
    verdict: Mapping[str, Any], manifest: Mapping[str, Any], judged_s: float, took_s: float
) -> Iterator[str]:
    phases_s = sum(manifest["phases"].values())
    yield verdict["sentence"]
    yield f"wall time            {took_s:.1f} s, of which {phases_s:g} s of phases: {took_s - phases_s:.1f} s on top"
    yield f"verdict told         after {judged_s:.1f} s, {took_s - judged_s:.1f} s before the end"
    yield f"arrivals             {manifest['planned']} for each twin, {manifest['scenario']['load']['rate_rps']:g}/s"
    for gate in verdict["gates"]:
        if gate["name"] in GATES:
            yield f"{GATES[gate['name']]:<20} {gate['value']:.1f} ms (limit {gate['limit']:g}) {gate['twin']}".rstrip()
    for twin in verdict["twins"]:
        numbers, baseline = twin["numbers"], twin["numbers"]["phases"]["baseline"]
        yield (
            f"baseline             {twin['twin']}: p50 {number(baseline['p50_ms'])} ms, "
            f"CPU {number(numbers['cpu_ms_per_request'])} ms a request"
        )


def number(value: float | None) -> str:
    return NOT_TOLD if value is None else f"{float(value):.1f}"


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["s01-db-latency"]))
