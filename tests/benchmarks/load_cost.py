"""What the load costs, against a stub that answers at once: python -m tests.benchmarks.load_cost [RATE_RPS] [SECONDS].

Prints, and asserts nothing: how late requests are sent, the CPU for each, and how memory grows. Two loads
play side by side, as in a run. Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lab.runtime.programs import environment
from loadtests.records import RECORD

ROOT = Path(__file__).parents[2]
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"status":"ok"}'
TWINS = ("first", "second")
PATIENCE_S = 60.0
INTENDED, SENT, END = 6, 8, 9  # columns of a record


def main(rate_rps: float, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch)
        planned = write_schedule(run / "schedule.jsonl", rate_rps, seconds)
        stub, port = start_stub()
        try:
            loads = [start_load(run / twin, twin, port) for twin in TWINS]
            give_start(run)
            for load in loads:
                load.wait(seconds + PATIENCE_S)
        finally:
            stub.kill()
        for twin in TWINS:
            tell(run / twin, twin, planned, rate_rps)


def write_schedule(path: Path, rate_rps: float, seconds: float) -> int:
    draw, at_s, planned = random.Random(1), 0.0, 0
    with path.open("w") as file:
        while (at_s := at_s + draw.expovariate(rate_rps)) < seconds:
            arrival = {
                "i": planned,
                "at_s": at_s,
                "op": "read",
                "method": "GET",
                "path": "/",
                "expect": {"status": "ok"},
            }
            file.write(json.dumps(arrival) + "\n")
            planned += 1
    return planned


def start_stub() -> tuple[multiprocessing.Process, int]:
    ports: multiprocessing.Queue[int] = multiprocessing.Queue()
    stub = multiprocessing.Process(target=lambda: asyncio.run(serve(ports)), daemon=True)
    stub.start()
    return stub, ports.get(timeout=PATIENCE_S)


async def serve(ports: multiprocessing.Queue[int]) -> None:
    class Stub(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            if data.endswith(b"\r\n\r\n"):
                self.transport.write(ANSWER)

    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0, backlog=1_024)
    ports.put(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def start_load(folder: Path, twin: str, port: int) -> subprocess.Popen[bytes]:
    folder.mkdir()
    config = {
        "twin": twin, "target": f"127.0.0.1:{port}", "token": "t", "tokens": {}, "schedule": "../schedule.jsonl",
        "t0": "../t0.json", "ready": "load.ready.json", "requests": "requests.bin", "history": "history.jsonl",
        "summary": "load.json", "client_timeout_s": 5.0, "drain_s": 6.0, "max_in_flight": 4_096, "history_ops": [],
    }  # fmt: skip
    (folder / "load.config.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "loadtests.load", "load.config.json"]
    return subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def give_start(run: Path) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not all((run / twin / "load.ready.json").exists() for twin in TWINS):
        if time.monotonic() > give_up:
            raise TimeoutError("the loads did not get ready")
        time.sleep(0.05)
    fresh = run / "t0.new"
    fresh.write_text(json.dumps({"t0": time.monotonic() + 0.5}))
    fresh.rename(run / "t0.json")


def tell(folder: Path, twin: str, planned: int, rate_rps: float) -> None:
    whose_and_rows = (folder / "requests.bin").read_bytes()
    rows = [row for row in RECORD.iter_unpack(whose_and_rows[RECORD.size :]) if row[SENT]]
    summary = json.loads((folder / "load.json").read_text())
    lag = quantiles([row[SENT] - row[INTENDED] for row in rows])
    latency = quantiles([row[END] - row[INTENDED] for row in rows])
    grown_mib = (summary["rss_bytes_end"] - summary["rss_bytes_start"]) / 2**20
    print(f"{twin}: {summary['recorded']} of {planned} recorded at {rate_rps:g}/s")
    print(f"  send lag ms  {lag}")
    print(f"  latency ms   {latency}")
    print(
        f"  CPU          {1e6 * summary['cpu_s'] / planned:.0f} us a request, "
        f"at most {summary['cpu_share_max']:.0%} of a core"
    )
    print(f"  memory       {summary['rss_bytes_end'] / 2**20:.0f} MiB, grown by {grown_mib:.1f}")


def quantiles(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return "  ".join(
        f"p{100 * q:g} {1_000 * ordered[int(q * (len(ordered) - 1))]:.2f}" for q in (0.5, 0.99, 0.999, 1)
    )


if __name__ == "__main__":
    arguments = [float(word) for word in sys.argv[1:]]
    main(*(arguments + [100.0, 20.0][len(arguments) :]))
