"""How long a large run takes to judge, and how much memory: python -m tests.benchmarks.judging [REQUESTS].

Both twins together have about REQUESTS requests (10⁶ if not given), half of them writes, and every check judges them.
The run is made up (tests/fabricated). Not a timed test: it prints.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab.model import Phases
from tests.fabricated.folder import Fabricated
from tests.fabricated.writing import MIX, make_writing_run

SECONDS_MAX, MIB_MAX = 20, 1_200
FOLLOWED = sum(MIX[op] for op in ("create_booking_repeated", "transfer_repeated", "crossing_transfer"))
TIMEOUT_S = 900


def main(requests: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        phases = Phases(warmup_s=60, baseline_s=120, fault_s=300, recovery_s=120, drain_s=10)
        first = requests / 2 / (1 + FOLLOWED / sum(MIX.values()))  # the others follow them
        folder = make_writing_run(
            Path(scratch) / "benchmark", Fabricated(requests=round(first), phases=phases)
        )
        # A process of its own: the memory of making the run up is not the judge's.
        command = [sys.executable, "-m", "tests.benchmarks.judging", "--judge", str(folder)]
        subprocess.run(command, check=True, timeout=TIMEOUT_S)


def judge(folder: Path) -> None:
    """As `lab regrade` does it."""
    from lab.cli import assembly
    from lab.record import RunRecord

    record = RunRecord(folder)
    begun, cpu_s = time.perf_counter(), time.process_time()
    record.verify()
    verified_s = time.perf_counter() - begun
    verdict = assembly.grade(folder)
    took_s = time.perf_counter() - begun - 2 * verified_s
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    requests = record.manifest.planned * len(verdict.twins)
    print(f"{verdict.sentence}")
    told = f"verdict {took_s:.1f} s (at most {SECONDS_MAX}), both in {time.process_time() - cpu_s:.1f} s of CPU time"
    print(f"{requests} requests: checksums {verified_s:.1f} s, twice; {told}")
    print(f"memory {peak_mib:.0f} MiB (at most {MIB_MAX})")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--judge"]:
        judge(Path(sys.argv[2]))
    else:
        main(int(float(sys.argv[1])) if sys.argv[1:] else 1_000_000)
