"""What the tests of the defences share: a bare app with chosen defences, and servers that misbehave on loopback."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flask import Flask

from services.common import metrics, problems
from services.defences import deadline, switch, unavailable


def defended(defences: str = "all", **settings: object) -> Flask:
    """An app with `defences` on, problem documents and metrics, and nothing else."""
    app = Flask("defended")
    app.config.update(DEFENCES=defences, **settings)
    switch.init_app(app)
    problems.init_app(app)
    unavailable.init_app(app)
    metrics.init_app(app)
    deadline.init_app(app)
    return app


def sample(app: Flask, metric: str, /, **labels: str) -> float:
    """The value of one metric of `app`."""
    return app.extensions["metrics"].registry.get_sample_value(metric, labels) or 0.0


@contextmanager
def silent_server(greeting: bytes = b"", then: tuple[bytes, ...] = (), pause_s: float = 0.0) -> Iterator[int]:
    """The port of a server that accepts, acknowledges all it is sent, and says no more than this.

    `greeting` answers the first bytes of each connection, at once; each part of `then` follows a pause later.
    """
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(greeting)
            for part in then:
                stopped.wait(pause_s)
                connection.sendall(part)
            stopped.wait(10)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopped.set()
            listener.shutdown(socket.SHUT_RDWR)
