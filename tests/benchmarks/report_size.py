"""How long the report of a large run takes, and how much memory: python -m tests.benchmarks.report_size [REQUESTS].

The run is made up (tests/fabricated), both twins together REQUESTS (10⁶ if not given). Not a timed test: it prints.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab.model import Phases
from tests.fabricated.folder import Fabricated, make_run
from tests.fabricated.verdicts import make_verdict

RUN = "benchmark"


def main(requests: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / RUN
        phases = Phases(warmup_s=60, baseline_s=120, fault_s=300, recovery_s=120, drain_s=10)
        make_run(folder, Fabricated(requests=requests // 2, phases=phases))
        # A process of its own: the memory of making the run up is not the report's.
        subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.report_size", "--render", str(folder)],
            check=True,
            timeout=300,
        )


def render(folder: Path) -> None:
    begun = time.perf_counter()
    import reports

    page = reports.render(folder, make_verdict(RUN))
    took_s = time.perf_counter() - begun
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size_mib = page.stat().st_size / 2**20
    print(f"report in {took_s:.1f} s, {peak_mib:.0f} MiB at most; the page has {size_mib:.1f} MiB")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--render"]:
        render(Path(sys.argv[2]))
    else:
        main(int(float(sys.argv[1])) if sys.argv[1:] else 1_000_000)
