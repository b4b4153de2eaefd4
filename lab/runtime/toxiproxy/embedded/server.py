"""HTTP for the API: the standard library's server parses in threads, the event loop answers."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lab.runtime.toxiproxy.embedded.api import Api
from lab.runtime.toxiproxy.embedded.proxies import PAUSE_S

ANSWER_TIMEOUT_S = 25.0


def serve_api(api: Api, host: str, port: int) -> ThreadingHTTPServer:
    """Answer on host:port, asking `api` on the running loop. Raises OSError if the port is taken."""
    loop = asyncio.get_running_loop()

    class Handler(ApiHandler):
        def ask(self, body: str) -> tuple[int, object]:
            asked = asyncio.run_coroutine_threadsafe(api.answer(self.command, self.path, body), loop)
            return asked.result(ANSWER_TIMEOUT_S)

    server = ApiServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="api", daemon=True).start()
    return server


class ApiServer(ThreadingHTTPServer):
    """Pauses where a connection cannot be accepted: it stays, and without a pause the thread would do nothing else."""

    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, object]:
        try:
            return super().get_request()
        except OSError:
            time.sleep(PAUSE_S)
            raise


class ApiHandler(BaseHTTPRequestHandler):
    """One connection of a client, kept open between requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one segment

    def ask(self, body: str) -> tuple[int, object]:
        """Status and answer; None for an answer without a body."""
        raise NotImplementedError

    def reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        # A page open in a browser must not reach the proxies.
        if self.headers.get("User-Agent", "").startswith("Mozilla/"):
            status, answer = 403, None
        else:
            status, answer = self.ask(body)
        content = b"" if answer is None else json.dumps(answer).encode() + b"\n"
        self.send_response(status)
        if answer is not None:
            self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = reply  # noqa: N815  # the base class looks for these

    def log_message(self, *_: object) -> None:
        """As Toxiproxy under LOG_LEVEL=error: nothing."""
