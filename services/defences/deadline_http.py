"""Deadline, the other half: an HTTP session whose every wait ends by the deadline of the request.

A `timeout=` of requests, httpx or urllib3 bounds each read, not the answer: a server that sends one byte of its headers
every 0.3 s is read for ever. Here the time that is left is set again before each read and write of the socket.
"""

import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from services.common import metrics
from services.defences.deadline import left_s
from services.defences.switch import on


def session() -> requests.Session:
    """A session for one dependency; a plain one when `deadline` is off. Plain http only: a dependency inside."""
    made = requests.Session()
    if on("deadline"):
        adapter = HTTPAdapter(pool_maxsize=32)
        adapter.poolmanager.pool_classes_by_scheme = {"http": DeadlinePool}
        made.mount("http://", adapter)
    return made


class DeadlineSocket(socket.socket):
    """A socket that gives each read and write only the time that the request has left."""

    def _within_deadline(self, operation: Any, *arguments: Any) -> Any:
        self.settimeout(max(left_s(), 0.001))
        try:
            return operation(*arguments)
        except TimeoutError:
            metrics.current().deadline_misses.inc()
            raise

    def recv_into(self, *arguments: Any) -> int:
        return self._within_deadline(super().recv_into, *arguments)

    def sendall(self, *arguments: Any) -> None:
        self._within_deadline(super().sendall, *arguments)


class DeadlineHTTPConnection(HTTPConnection):
    """Connects within the deadline, then talks through a DeadlineSocket."""

    def connect(self) -> None:
        self.timeout = max(left_s(), 0.001)
        super().connect()
        self.sock = DeadlineSocket(fileno=self.sock.detach())


class DeadlinePool(HTTPConnectionPool):
    ConnectionCls = DeadlineHTTPConnection
