"""What the tests of the defences share: a bare app with chosen defences, and servers that misbehave on loopback."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from flask import Flask

from services.common import metrics, problems
from services.defences import deadline, honest_errors, switch

PATIENT_S = 10.0  # the budget of a request: far more than it needs, since a busy machine must not decide


def defended(defences: str = "all", without: switch.Table | None = None, **settings: object) -> Flask:
    """An app with `defences` on, problem documents and metrics, and nothing else. Its requests have time enough."""
    app = Flask("defended")
    app.config.update({"DEADLINE_S": PATIENT_S, "DEFENCES": defences, **settings})
    switch.init_app(app, without)
    problems.init_app(app)
    honest_errors.init_app(app)
    metrics.init_app(app)
    deadline.init_app(app)
    return app


def sample(app: Flask, metric: str, /, **labels: str) -> float:
    """The value of one metric of `app`."""
    return app.extensions["metrics"].registry.get_sample_value(metric, labels) or 0.0


@contextmanager
def silent_server(
    greeting: bytes = b"",
    then: tuple[bytes, ...] = (),
    pause_s: float = 0.0,
    *,
    answers: int = 1,
    closes: bool = False,
    accepted: list[socket.socket] | None = None,
) -> Iterator[int]:
    """The port of a server that accepts, acknowledges everything it receives, and sends no more than this.

    `greeting` answers the first bytes of each connection, at once, and as many requests on it as it `answers`; each
    part of `then` follows a pause later. After that the server `closes` the connection, or is silent. Connections are
    added to `accepted`.
    """
    stopped = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            for _ in range(answers):
                connection.recv(65536)
                connection.sendall(greeting)
            for part in then:
                stopped.wait(pause_s)
                connection.sendall(part)
            if not closes:
                stopped.wait(10)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                (accepted if accepted is not None else []).append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopped.set()
            _shut(listener)


class HoldingProxy:
    """A TCP proxy that, while `holding`, swallows every byte both ways and keeps all connections: a blackhole."""

    def __init__(self, port: int) -> None:
        self.holding = False
        self._upstream = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self.port = self._listener.getsockname()[1]
        self._run(self._accept)

    def close(self) -> None:
        """Cut all connections and end all threads."""
        for end in self._sockets:
            _shut(end)
        for thread in self._threads:
            thread.join(1)
        for end in self._sockets:
            end.close()

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._upstream)
                self._sockets += [near, far]
                self._run(self._pump, near, far)
                self._run(self._pump, far, near)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self.holding:
                    target.sendall(data)
        _shut(target)


def _shut(end: socket.socket) -> None:
    """End both directions, which wakes its readers; a plain close would not."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
