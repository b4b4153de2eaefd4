"""Deadline, the other half: an HTTP session in which every wait ends by the deadline of the request.

A `timeout=` of requests, httpx or urllib3 bounds each read, not the whole answer: a server that sends one byte of its
headers every 0.3 s keeps the client reading for ever. Here each read and write of the socket gets only the time that is
left. Looking up the host's name is bounded too. A pooled connection may be dead without a sign: see `new_connection`.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from flask import g, has_app_context
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError

from services.common import metrics
from services.defences import names
from services.defences.deadline import left_s
from services.defences.switch import on
from services.defences.unavailable import Refused


def session() -> requests.Session:
    """A session for one dependency, over plain http on the internal network; an ordinary one when `deadline` is off."""
    made = DeadlineSession() if on("deadline") else requests.Session()
    if on("deadline"):
        adapter = HTTPAdapter(pool_maxsize=32)
        adapter.poolmanager.pool_classes_by_scheme = {"http": DeadlinePool}
        made.mount("http://", adapter)
        made.trust_env = False  # no proxy and no .netrc of the user who started us
    return made


def headers() -> dict[str, str]:
    """The header that tells the other side for how long its answer is still of use; none when off."""
    return {"X-Deadline-S": f"{max(0.0, left_s()):.3f}"} if on("deadline") else {}


@contextmanager
def new_connection() -> Iterator[None]:
    """Use no pooled connection in the block: one of them has just failed."""
    g.new_http_connection = True
    try:
        yield
    finally:
        del g.new_http_connection


class TooLate(Refused):
    """There is no time left to ask."""

    reason = "deadline"


class DeadlineSession(requests.Session):
    """A session that sends nothing after the deadline, when nobody waits for the answer any more.

    Its errors have `waited_s`, which tells whether the service is down, or there was just too little time left for it.
    """

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        if left_s() <= 0:
            raise TooLate
        began_at = time.monotonic()
        try:
            return super().send(request, **how)
        except requests.RequestException as error:
            error.waited_s = time.monotonic() - began_at  # type: ignore[attr-defined]
            raise


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
    """Resolves the name and connects within the deadline, then talks through a DeadlineSocket."""

    def connect(self) -> None:
        super().connect()
        self.sock = DeadlineSocket(fileno=self.sock.detach())

    def _new_conn(self) -> socket.socket:
        """Try one address after another, as urllib3 does, but each within its share of the time that is left."""
        name, error = self._dns_host, None
        try:
            for number, address in enumerate(addresses := self._addresses()):
                self._dns_host, self.timeout = address, max(left_s() / (len(addresses) - number), 0.001)
                try:
                    return super()._new_conn()
                except HTTPError as failed:
                    error = failed
        finally:
            self._dns_host = name
        raise error or OSError(f"{name} has no address")

    def _addresses(self) -> list[str]:
        try:
            return names.addresses(self._dns_host, left_s())
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except OSError as error:
            metrics.current().deadline_misses.inc()
            raise ConnectTimeoutError(self, str(error)) from error


class DeadlinePool(HTTPConnectionPool):
    ConnectionCls = DeadlineHTTPConnection

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection = super()._get_conn(timeout)
        if has_app_context() and "new_http_connection" in g:
            connection.close()  # it opens again when it is used
        return connection
