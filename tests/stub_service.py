"""A service that does on demand what services do at their worst. It counts who asked, so that a retry is seen."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RST_ON_CLOSE = struct.pack("ii", 1, 0)
HANG_S = 30.0
PATHS = {
    "/wrong",
    "/refusing",
    "/later",
    "/at_once",
    "/tagged",
    "/failing",
    "/moved",
    "/stall",
    "/hang",
    "/drip",
    "/close",
    "/reset",
    "/metrics",
}


class StubService(ThreadingHTTPServer):
    """Does what the path says, one of PATHS; any other is answered at once. /stall waits for `released`."""

    request_queue_size = 1_024
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.paths: list[str] = []
        self.headers: list[Message] = []
        self.released = threading.Event()
        self.stopped = threading.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def forget(self) -> None:
        """As if nobody had asked yet."""
        self.asked.clear()
        self.paths.clear()
        self.headers.clear()

    def handle_error(self, *_: Any) -> None:
        """A client that has gone is what these tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StubService

    def handle_one_request(self) -> None:
        with suppress(OSError):
            super().handle_one_request()

    def do_GET(self) -> None:
        self.server.asked[self.headers.get("X-Request-Id", "")] += 1
        self.server.paths.append(self.path)
        self.server.headers.append(self.headers)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        getattr(self, self.path.strip("/") if self.path in PATHS else "ok")()

    do_POST = do_PUT = do_GET  # noqa: N815 - so the standard library wants it

    def answer(self, status: int, document: Any, **headers: str) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def ok(self) -> None:
        self.answer(200, {"id": 1, "status": "ok"})

    def wrong(self) -> None:
        self.answer(200, {"id": 2, "status": "ok"})

    def refusing(self) -> None:
        self.answer(503, {"effect": "none"})

    def later(self) -> None:
        self.answer(503, {"effect": "none"}, **{"Retry-After": "2"})

    def at_once(self) -> None:
        self.answer(503, {"effect": "none"}, **{"Retry-After": "0"})

    def tagged(self) -> None:
        self.answer(200, {"id": 1}, ETag='"3"')

    def failing(self) -> None:
        self.answer(500, {"title": "Internal Server Error"})

    def moved(self) -> None:
        self.answer(302, {}, Location="/ok")

    def stall(self) -> None:
        self.server.released.wait(HANG_S)
        self.ok()

    def hang(self) -> None:
        self.server.stopped.wait(HANG_S)
        self.close_connection = True

    def drip(self) -> None:
        """A byte of the body at a time: no single read ever lasts long."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        while not self.server.stopped.wait(0.05):
            self.wfile.write(b"x")

    def close(self) -> None:
        self.close_connection = True

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
        self.connection.close()
        self.close_connection = True

    def metrics(self) -> None:
        body = b'# HELP up x\nup 1\nhttp_seconds_bucket{le="1"} 3\nhttp_seconds_count{route="/"} 4\n'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def stub_service() -> Iterator[StubService]:
    with StubService() as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            service.stopped.set()
            service.released.set()
            service.shutdown()
            thread.join(timeout=5)


def eventually(true: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait until it is true; fail when it does not become so."""
    give_up = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < give_up, "it did not come true in time"
        time.sleep(0.01)
