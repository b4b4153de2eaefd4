"""How long a person waits: python -m tests.benchmarks.speeds [warm] [look] [fresh].

    warm    a quick run of s01-db-latency on the local runtime, when another was made before: what it takes on top of
            its phases
    look    `lab --help` and `lab list`, the best of some tries
    fresh   from a fresh clone with empty caches to the first report; needs a network

Not a timed test: it prints. Nothing else should run on the machine meanwhile. All three where none is named.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ("run", "s01-db-latency", "--quick", "--runtime", "local", "--again", "0", "--json")
TRIES = 7
TIMEOUT_S = 900


def warm() -> Iterator[str]:
    lab(ROOT, RUN)
    took_s, verdict = lab(ROOT, RUN)
    phases_s = sum(manifest(ROOT, verdict)["phases"].values())
    on_top_s = took_s - phases_s
    yield f"warm quick run       {took_s:.1f} s: {on_top_s:.1f} s on top of {phases_s:g} s of phases (limit 4.5)"


def look() -> Iterator[str]:
    for words in (("--help",), ("list",)):
        best_s = min(lab(ROOT, words)[0] for _ in range(TRIES))
        yield f"lab {words[0]:<16} {best_s:.2f} s (limit 0.2)"


def fresh() -> Iterator[str]:
    """With a home folder of its own, so that nothing that was ever fetched or built is found."""
    with tempfile.TemporaryDirectory(prefix="fresh-") as home:
        clone = Path(home) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        Path(home).chmod(0o755)
        kept = {
            name: os.environ[name] for name in ("PATH", "PIP_INDEX_URL", "UV_INDEX_URL") if name in os.environ
        }
        kept["PYTHON"] = str(Path(sys.executable).resolve())  # one that needs nothing of the user's home
        took_s, verdict = lab(clone, RUN, env={**kept, "HOME": home})
        page = clone / "runs" / verdict["run"] / "report.html"
        yield f"fresh clone          {took_s:.1f} s to {page.name} (limit 60)"


def lab(
    clone: Path, words: Sequence[str], env: Mapping[str, str] | None = None
) -> tuple[float, dict[str, str]]:
    """(seconds, what was printed as JSON) of a command line."""
    begun = time.perf_counter()
    done = subprocess.run(
        [str(clone / "bin" / "lab"), *words],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    took_s = time.perf_counter() - begun
    return took_s, json.loads(done.stdout) if "--json" in words else {}


def manifest(clone: Path, verdict: Mapping[str, str]) -> dict[str, dict[str, float]]:
    return dict(json.loads((clone / "runs" / verdict["run"] / "manifest.json").read_text()))


SPEEDS: Mapping[str, Callable[[], Iterator[str]]] = {"warm": warm, "look": look, "fresh": fresh}

if __name__ == "__main__":
    for name in sys.argv[1:] or SPEEDS:
        for line in SPEEDS[name]():
            print(line, flush=True)
