"""The load against servers that misbehave: nothing planned is lost, and nobody waits politely for a stalled service."""

from __future__ import annotations

import json
import os
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.model import Failure, Outcome
from lab.record import REQUEST

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 1.0


class Handler(BaseHTTPRequestHandler):
    """/ok answers, /wrong answers with another id, /stall never does."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/stall":
            time.sleep(TIMEOUT_S * 3)
            self.close_connection = True
            return
        body = json.dumps({"id": 2 if self.path == "/wrong" else 1}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Slammer(socketserver.BaseRequestHandler):
    """Reads the question and hangs up."""

    def handle(self) -> None:
        self.request.recv(65_536)


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        host, port = server.server_address[:2]  # type: ignore[misc]
        yield f"{host}:{port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def target(asked: list[str]) -> Iterator[str]:
    handler = type("Asked", (Handler,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    with serving(server) as address:
        yield address


class Run:
    """One load in a folder of its own."""

    def __init__(self, folder: Path, target: str, paths: list[str], rate_rps: float) -> None:
        self.folder = folder / "naive"
        self.folder.mkdir()
        with (folder / "schedule.jsonl").open("w") as file:
            for i, path in enumerate(paths):
                arrival = {"i": i, "at_s": i / rate_rps, "op": path[1:], "method": "GET", "path": path}
                file.write(json.dumps(arrival | {"expect": {"id": 1}}) + "\n")
        config = {
            "twin": "naive", "target": target, "token": "t", "schedule": "../schedule.jsonl", "t0": "../t0.json",
            "ready": "load.ready.json", "requests": "requests.bin", "history": "history.jsonl",
            "summary": "load.json", "client_timeout_s": TIMEOUT_S, "drain_s": TIMEOUT_S + 1,
            "max_in_flight": 4096, "history_ops": [],
        }  # fmt: skip
        (self.folder / "load.config.json").write_text(json.dumps(config))
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "loadtests.load", "load.config.json"]
        output = (self.folder / "load.log").open("w")
        self.process = subprocess.Popen(command, cwd=self.folder, env=env, stdout=output, stderr=output)
        output.close()
        self._start(folder / "t0.json")

    def _start(self, t0: Path) -> None:
        give_up = time.monotonic() + 30
        while not (self.folder / "load.ready.json").exists():
            assert time.monotonic() < give_up, (self.folder / "load.log").read_text()
            time.sleep(0.02)
        fresh = t0.with_name(".t0")
        fresh.write_text(json.dumps({"t0": time.monotonic() + 0.2}))
        fresh.rename(t0)

    def end(self) -> tuple[int, np.ndarray[Any, Any], dict[str, Any]]:
        """(exit code, records in order of the plan, the generator's summary)."""
        code = self.process.wait(60)
        records = np.fromfile(self.folder / "requests.bin", REQUEST)
        records.sort(order="i")
        return code, records, json.loads((self.folder / "load.json").read_text())


def test_all_that_was_planned_is_recorded_and_a_stall_delays_nobody_else(tmp_path: Path, target: str) -> None:
    paths = ["/stall" if i % 10 == 0 else "/ok" for i in range(100)]
    code, records, summary = Run(tmp_path, target, paths, rate_rps=50).end()
    assert (code, len(records), summary["planned"]) == (0, 100, 100)
    stalled = records[::10]
    assert set(stalled["failure"]) == {Failure.TIMEOUT}
    assert set(stalled["outcome"]) == {Outcome.UNKNOWN}
    assert (stalled["end"] - stalled["intended"]).min() >= TIMEOUT_S
    others = np.delete(records, np.s_[::10])
    assert set(others["outcome"]) == {Outcome.OK}


def test_a_wrong_answer_is_flagged_and_a_right_one_is_not(tmp_path: Path, target: str) -> None:
    _code, records, summary = Run(tmp_path, target, ["/ok", "/wrong"] * 5, rate_rps=50).end()
    assert ((records["flags"] & 2) // 2).tolist() == [0, 1] * 5
    assert summary["oracle_rejects_planted_wrong"]


def test_a_client_asks_once_even_if_the_connection_breaks(tmp_path: Path) -> None:
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slammer)) as target:
        _code, records, _summary = Run(tmp_path, target, ["/ok"] * 5, rate_rps=20).end()
    assert set(records["failure"]) <= {Failure.CLOSED, Failure.RESET}
    assert set(records["outcome"]) == {Outcome.UNKNOWN}


def test_a_closed_door_is_a_refusal(tmp_path: Path) -> None:
    _code, records, _summary = Run(tmp_path, "127.0.0.1:1", ["/ok"] * 5, rate_rps=20).end()
    assert set(records["failure"]) == {Failure.CONNECT_REFUSED}
    assert set(records["outcome"]) == {Outcome.REFUSED}


def test_sigterm_records_what_is_in_flight_as_aborted(tmp_path: Path, target: str, asked: list[str]) -> None:
    run = Run(tmp_path, target, ["/stall"] * 5 + ["/ok"] * 2_000, rate_rps=20)
    while len(asked) < 5:
        time.sleep(0.02)
    run.process.terminate()
    code, records, _summary = run.end()
    assert code != 0
    assert Failure.ABORTED in records["failure"]


def test_memory_does_not_grow_with_the_number_of_requests(tmp_path: Path, target: str) -> None:
    grown = []
    for count in (500, 5_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        _code, _records, summary = Run(folder, target, ["/ok"] * count, rate_rps=1_000).end()
        grown.append(summary["rss_bytes_end"] - summary["rss_bytes_start"])
    assert grown[1] - grown[0] < 4_500 * 1_000, "a kilobyte more for each request more would be a leak"
