"""A TCP proxy that cuts a connection at a chosen point of a conversation, so that every point can be tried in turn.

A point is a thing that the client says before the server answers: a statement, a COMMIT, an HTTP request, in however
many segments TCP carries it. It is cut before it reaches the server, or after the server has done it, when the answer
comes back.
"""

import enum
import socket
import struct
import threading
from contextlib import suppress

RST_ON_CLOSE = struct.pack("ii", 1, 0)


class Cut(enum.Enum):
    BEFORE = "cut before"
    AFTER = "answer lost after"


class CuttingProxy:
    """Passes everything on to `port` until it is told to cut at a point."""

    def __init__(self, port: int, *, counts_new: bool) -> None:
        """`counts_new`: whether connections opened after `cut_at` count; those of a pool's openers should not."""
        self._counts_new = counts_new
        self._upstream = ("127.0.0.1", port)
        self._lock = threading.Lock()
        self.said, self._point, self._how = 0, 0, Cut.BEFORE
        self._counted: set[socket.socket] = set()  # clients whose words count
        self._losing: set[socket.socket] = set()  # clients whose next answer is lost
        self._waiting: set[socket.socket] = set()  # clients that have begun to speak, and have no answer yet
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_at(self, point: int, how: Cut) -> None:
        """Cut at the `point`-th message that any client sends from now on."""
        with self._lock:
            self.said, self._point, self._how, self.cut = 0, point, how, False
            self._counted = set(self._sockets)

    def pass_on(self) -> None:
        """Cut nothing more."""
        with self._lock:
            self._point = 0
            self._losing.clear()

    def close(self) -> None:
        for end in [self._listener, *self._sockets]:
            _end(end)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._upstream)
                with self._lock:
                    self._sockets += [client, server]
                    if self._counts_new:
                        self._counted.add(client)
                for pump in (self._ask, self._answer):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while said := client.recv(65536):
                if self._is_the_point(client):
                    break
                server.sendall(said)
        _end(server)
        _end(client)

    def _is_the_point(self, client: socket.socket) -> bool:
        """Whether to cut now, without passing on what was said."""
        with self._lock:
            goes_on = client in self._waiting
            self._waiting.add(client)
            if goes_on or not self._point or client not in self._counted:
                return False
            self.said += 1
            if self.said != self._point:
                return False
            self.cut = True
            if self._how is Cut.AFTER:
                self._losing.add(client)
            return self._how is Cut.BEFORE

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while answered := server.recv(65536):
                with self._lock:
                    self._waiting.discard(client)
                    if client in self._losing:
                        break
                client.sendall(answered)
        _end(client)
        _end(server)


def _end(end: socket.socket) -> None:
    """A reset, as from a machine that has gone."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        end.close()
