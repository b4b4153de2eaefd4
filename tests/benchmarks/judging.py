"""How long a large run takes to judge, and how much memory: python -m tests.benchmarks.judging [REQUESTS].

Both twins together have about REQUESTS requests (10⁶ if not given), half of them writes, and every check judges them.
The run is made up (tests/fabricated). It prints; what it must not exceed, tests/e2e/test_judging_in_proportion.py says.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.model import Phases
from tests.fabricated.folder import Fabricated
from tests.fabricated.writing import MIX, make_writing_run

ROOT = Path(__file__).parents[2]
SECONDS_MAX, MIB_MAX = 20, 1_200
FOLLOWED = sum(MIX[op] for op in ("create_booking_repeated", "transfer_repeated", "crossing_transfer"))
TIMEOUT_S = 900


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A run that was judged, and what that took. The checksums are compared twice; `cpu_s` covers that and the rest."""

    sentence: str
    requests: int
    verified_s: float
    took_s: float
    cpu_s: float
    peak_mib: float


def main(requests: int) -> None:
    done = judged(requests)
    print(f"{done.sentence}")
    told = f"verdict {done.took_s:.1f} s (at most {SECONDS_MAX}), both in {done.cpu_s:.1f} s of CPU time"
    print(f"{done.requests} requests: checksums {done.verified_s:.1f} s, twice; {told}")
    print(f"memory {done.peak_mib:.0f} MiB (at most {MIB_MAX})")


def judged(requests: int) -> Judged:
    """Make a run of about `requests` requests up, and judge it."""
    with tempfile.TemporaryDirectory() as scratch:
        phases = Phases(warmup_s=60, baseline_s=120, fault_s=300, recovery_s=120, drain_s=10)
        first = requests / 2 / (1 + FOLLOWED / sum(MIX.values()))  # the others follow them
        folder = make_writing_run(
            Path(scratch) / "benchmark", Fabricated(requests=round(first), phases=phases)
        )
        # A process of its own: the memory of making the run up is not the judge's.
        command = [sys.executable, "-m", "tests.benchmarks.judging", "--judge", str(folder)]
        done = subprocess.run(
            command, cwd=ROOT, check=True, timeout=TIMEOUT_S, stdout=subprocess.PIPE, text=True
        )
        return Judged(**json.loads(done.stdout))


def judge(folder: Path) -> Judged:
    """As `lab regrade` does it."""
    from lab.cli import assembly
    from lab.record import RunRecord

    record = RunRecord(folder)
    begun, cpu_s = time.perf_counter(), time.process_time()
    record.verify()
    verified_s = time.perf_counter() - begun
    verdict = assembly.grade(folder)
    return Judged(
        sentence=verdict.sentence,
        requests=record.manifest.planned * len(verdict.twins),
        verified_s=verified_s,
        took_s=time.perf_counter() - begun - 2 * verified_s,
        cpu_s=time.process_time() - cpu_s,
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--judge"]:
        print(json.dumps(asdict(judge(Path(sys.argv[2])))))
    else:
        main(int(float(sys.argv[1])) if sys.argv[1:] else 1_000_000)
