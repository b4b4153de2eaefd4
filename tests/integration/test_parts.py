"""The servers that a twin may have besides PostgreSQL, each tested alone and for real."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.model import CACHE, QUEUE, Balancing, LabError, LinkSample, Sample
from lab.record.codec import structured
from lab.runtime.local.asking import answers, replies
from lab.runtime.local.parts import caddy, nats, valkey
from lab.runtime.local.parts.wheels import Wheel
from lab.runtime.local.processes import Process, Processes
from lab.runtime.ownership.ledger import Ledger
from lab.runtime.ports_free import LOOPBACK, Ports
from lab.runtime.settings import readiness
from loadtests.probes import probe
from tests.conftest import lacking

PASSWORD = "1234567890"  # looks like a number, to those who guess
PATIENCE_S = 30.0
QUICK = Balancing(health_path="/healthz", health_period_s=0.1, health_timeout_s=10.0)
PROBED = {"request_bytes": 0, "reply_bytes": 0, "timeout_s": PATIENCE_S}


@pytest.fixture
def ports() -> Iterator[Ports]:
    ports = Ports()
    yield ports
    ports.release()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    ledger = Ledger(tmp_path / "state", "test")
    processes = Processes("the test", tmp_path / "logs", ledger)
    yield processes
    processes.stop()
    ledger.close()


def installed(wheel: Wheel) -> Any:
    try:
        return wheel.installed()
    except LabError as error:
        lacking("local", str(error))


@pytest.fixture
def cache(tmp_path: Path, ports: Ports, processes: Processes) -> tuple[Process, int]:
    port = ports.reserve()
    server = valkey.start(installed(valkey.VALKEY), tmp_path, port, PASSWORD, processes)
    server.wait_until(lambda: replies(port, *readiness(CACHE, PASSWORD)), PATIENCE_S)
    return server, port


@pytest.fixture
def queue(tmp_path: Path, ports: Ports, processes: Processes) -> tuple[Process, int]:
    port = ports.reserve()
    server = nats.start(installed(nats.NATS), tmp_path, port, PASSWORD, processes)
    server.wait_until(lambda: replies(port, *readiness(QUEUE, PASSWORD)), PATIENCE_S)
    return server, port


class Replica:
    """A service that says who it is, counts what it was asked, and can die with a request in its hands."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.seen: Counter[str] = Counter()
        self.dying = self.gone = False
        replica = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                replica.seen[f"{self.command} {self.path}"] += 1
                if replica.gone or (replica.dying and self.path != "/healthz"):
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                pass

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (OSError, ValueError):
                    self.close_connection = True

        self.server = ThreadingHTTPServer((LOOPBACK, port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def stop(self) -> None:
        self.gone = True  # also for whoever has a connection already
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def balanced(
    tmp_path: Path, ports: Ports, processes: Processes
) -> Iterator[tuple[Process, int, list[Replica]]]:
    replicas = [Replica(ports.reserve()), Replica(ports.reserve())]
    port = ports.reserve()
    upstreams = [replica.port for replica in replicas]
    server = caddy.start(installed(caddy.CADDY), tmp_path, port, upstreams, QUICK, processes)
    server.wait_until(lambda: answers(port, "/healthz"), PATIENCE_S)
    yield server, port, replicas
    processes.stop()
    for replica in replicas:
        replica.stop()


def ask(port: int, path: str = "/", method: str = "GET", body: bytes | None = None) -> int:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
    try:
        connection.request(method, path, body)
        return connection.getresponse().status
    finally:
        connection.close()


def eventually(true: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    give_up = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def probed(**config: Any) -> LinkSample:
    sample = structured(asyncio.run(probe({**PROBED, **config}, t0=0.0)), Sample)
    assert isinstance(sample, LinkSample)
    return sample


@pytest.mark.parametrize("part", ["cache", "queue", "balanced"])
def test_a_part_is_reached_by_loopback_only(part: str, request: pytest.FixtureRequest) -> None:
    server, port = request.getfixturevalue(part)[:2]
    listening = [
        connection.laddr
        for connection in psutil.Process(server.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert [(address.ip, address.port) for address in listening] == [(LOOPBACK, port)]


@pytest.mark.parametrize(
    ("part", "protocol", "secret"), [("cache", "redis", "password"), ("queue", "nats", "token")]
)
def test_a_probe_with_the_secret_is_answered_and_no_other(
    part: str, protocol: str, secret: str, request: pytest.FixtureRequest
) -> None:
    _server, port = request.getfixturevalue(part)
    config = {"target": f"link/{part}", "protocol": protocol, "address": f"{LOOPBACK}:{port}"}
    right = probed(**config, **{secret: PASSWORD})
    wrong = probed(**config, **{secret: "another"})
    assert (right.error, right.chunks >= 1, right.closed_ms is not None) == ("", True, True)
    assert wrong.error in {"malformed", "closed"}  # NATS may hang up before its refusal is read


@pytest.mark.parametrize(
    ("part", "protocol", "secret"), [("cache", "redis", "password"), ("queue", "nats", "token")]
)
def test_a_probe_carries_as_much_as_it_is_asked_to(
    part: str, protocol: str, secret: str, request: pytest.FixtureRequest
) -> None:
    _server, port = request.getfixturevalue(part)
    config = {
        "target": f"link/{part}",
        "protocol": protocol,
        "address": f"{LOOPBACK}:{port}",
        secret: PASSWORD,
    }
    sample = probed(**{**config, "request_bytes": 256_000, "reply_bytes": 1_200_000, "timeout_s": PATIENCE_S})
    assert sample.error == ""
    assert sample.received_bytes >= 1_200_000


def test_the_password_of_the_cache_is_on_no_command_line(cache: tuple[Process, int]) -> None:
    server, _port = cache
    assert PASSWORD not in " ".join(psutil.Process(server.pid).cmdline())


def test_requests_are_shared_out_among_the_replicas(
    balanced: tuple[Process, int, list[Replica]],
) -> None:
    _server, port, replicas = balanced
    eventually(lambda: all(replica.seen["GET /healthz"] for replica in replicas))
    assert {ask(port, "/rooms") for _ in range(20)} == {200}
    assert [replica.seen["GET /rooms"] for replica in replicas] == [10, 10]


def test_a_replica_that_is_gone_gets_nothing_until_it_is_back(
    balanced: tuple[Process, int, list[Replica]],
) -> None:
    _server, port, replicas = balanced
    replicas[0].stop()
    eventually(lambda: {ask(port) for _ in range(20)} == {200})
    assert {ask(port) for _ in range(20)} == {200}
    replicas[0] = Replica(replicas[0].port)
    eventually(lambda: (ask(port, "/back"), replicas[0].seen["GET /back"])[1] > 0)


@pytest.mark.parametrize(("retries", "asked"), [(0, 1), (2, 2)])
def test_no_other_replica_is_asked_unless_retries_are_asked_for_and_never_for_a_write(
    retries: int, asked: int, tmp_path: Path, ports: Ports, processes: Processes
) -> None:
    replicas, port = [Replica(ports.reserve()), Replica(ports.reserve())], ports.reserve()
    balancing = replace(QUICK, retries=retries)
    upstreams = [replica.port for replica in replicas]
    server = caddy.start(installed(caddy.CADDY), tmp_path, port, upstreams, balancing, processes)
    try:
        server.wait_until(lambda: answers(port, "/healthz"), PATIENCE_S)
        for replica in replicas:
            replica.dying = True
        assert (ask(port, "/rooms"), ask(port, "/bookings/", "POST", b"{}")) == (502, 502)
        # One replica may see a read twice: Go itself repeats what met a kept connection that was just closed.
        assert sum(replica.seen["GET /rooms"] > 0 for replica in replicas) == asked
        assert sum(replica.seen["POST /bookings/"] for replica in replicas) == 1
    finally:
        processes.stop()
        for replica in replicas:
            replica.stop()


def test_all_that_a_balancer_writes_is_in_the_run_s_folder(
    balanced: tuple[Process, int, list[Replica]], tmp_path: Path
) -> None:
    server, _port, _replicas = balanced
    environment = psutil.Process(server.pid).environ()
    homes = {environment[name] for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    assert homes == {str(tmp_path / "balancer")}


def test_a_balancer_waits_for_many_at_once(balanced: tuple[Process, int, list[Replica]]) -> None:
    _server, port, _replicas = balanced
    with ThreadPoolExecutor(64) as clients:
        assert set(clients.map(lambda _: answers(port, "/"), range(256))) == {True}
