"""The HTTP client of the load: one request, one attempt, and an exact record of how it ended.

geventhttpclient repeats idempotent requests when a connection breaks, once for every place in its pool. A client that
asks twelve times measures itself; this one asks once.
"""

from __future__ import annotations

import errno
import json
import socket
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import gevent
from geventhttpclient.client import HTTPClient
from geventhttpclient.connectionpool import ConnectionPool

from loadtests.records import Failure

JSON = "application/json"
NO_RETRIES = -1
OUT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})
FAR_AWAY_S = 3_600.0  # the whole-request timeout ends every wait before these do
IDLE_MAX_S = 4.0  # less than the 5 s of services/gunicorn.conf.py


@dataclass
class Exchange:
    """One request and everything that became of it."""

    started: float
    sent: float = 0.0
    end: float = 0.0
    fresh: bool = False
    status: int = 0
    failure: Failure = Failure.NONE
    body: bytes = b""
    etag: str = ""  # the version of the answer, as the service names it
    tells_when: bool = False  # whether a refusal says when to come back
    own_error: str = ""  # this machine ran out of something: that says nothing about the service

    @property
    def reused(self) -> bool:
        """Whether the connection had served before."""
        return self.sent > 0 and not self.fresh

    def answered(self) -> Any:
        """The JSON of the answer; None if there is none."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None


class TellingPool(ConnectionPool):
    """Records in the current greenlet's exchange when it got a socket, and whether that was a new one.

    A connection is dropped before the service drops it: a request that meets a connection just being closed would
    look like a failure of the service.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle_since: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def return_socket(self, sock: Any) -> None:
        self._idle_since[sock] = time.monotonic()
        super().return_socket(sock)

    def _is_socket_alive(self, sock: Any) -> bool:
        idle_s = time.monotonic() - self._idle_since[sock]
        return idle_s < IDLE_MAX_S and bool(super()._is_socket_alive(sock))

    def get_socket(self) -> Any:
        sock = super().get_socket()
        gevent.getcurrent().exchange.sent = time.monotonic()
        return sock

    def after_connect(self, sock: Any) -> None:
        gevent.getcurrent().exchange.fresh = True
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _resolve(self) -> Any:
        """The address was resolved once, at the start; gevent would use a thread at each connect."""
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self._connection_host, self._connection_port))]


class Client:
    """Requests to one address, many at a time."""

    def __init__(self, target: str, token: str, tokens: Mapping[str, str], connections: int) -> None:
        """`token` is that of an operator, `tokens` those of the users who send requests themselves."""
        host, port = target.rsplit(":", 1)
        address = socket.gethostbyname(host)
        self._http = HTTPClient(address, int(port), concurrency=connections, network_timeout=FAR_AWAY_S)
        pool = TellingPool(
            address,
            int(port),
            address,
            int(port),
            size=connections,
            network_timeout=FAR_AWAY_S,
            connection_timeout=FAR_AWAY_S,
        )
        pool.size = NO_RETRIES
        self._http._connection_pool = pool  # noqa: SLF001 - there is no public way to bring one's own
        self._tries: Counter[str] = Counter()  # so far under each key
        self._token, self._tokens = token, tokens

    def send(self, arrival: dict[str, Any], request_id: str, give_up: float) -> Exchange:
        """Send once, and wait for the whole answer until `give_up`. Never raises. Call it in a greenlet."""
        exchange = gevent.getcurrent().exchange = Exchange(started=time.monotonic())
        try:
            with gevent.Timeout(max(0.001, give_up - exchange.started)):
                self._ask(arrival, request_id, exchange)
        except gevent.GreenletExit:
            exchange.failure = Failure.ABORTED
        except (Exception, gevent.Timeout) as error:  # noqa: BLE001 - whatever it was is the finding
            exchange.failure = classify(error, exchange.sent > 0)
            if getattr(error, "errno", None) in OUT_OF:
                exchange.own_error = str(error)
        exchange.end = time.monotonic()
        return exchange

    def _ask(self, arrival: dict[str, Any], request_id: str, exchange: Exchange) -> None:
        caller = arrival.get("caller")
        token = self._token if caller is None else self._tokens[str(caller)]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON, "X-Request-Id": request_id}
        if seen := arrival.get("seen"):
            headers["If-Match"] = seen
        if key := arrival.get("key"):
            headers |= {"Idempotency-Key": key, "X-Retry-Count": str(self._tries[key])}
            self._tries[key] += 1
        body = json.dumps(arrival["body"]).encode() if "body" in arrival else b""
        response = self._http.request(arrival["method"], arrival["path"], body=body, headers=headers)
        exchange.body = bytes(response.read())
        exchange.status = response.status_code
        exchange.etag = str(response.get("ETag", ""))
        exchange.tells_when = is_later(str(response.get("Retry-After", "")))


def is_later(retry_after: str) -> bool:
    """Whether the header names a number of seconds to wait, or an instant."""
    return retry_after.strip() not in ("", "0")


def classify(error: BaseException, connected: bool) -> Failure:
    """How a request failed below HTTP. With geventhttpclient only the cause shows a reset before the first byte."""
    if isinstance(error, gevent.Timeout | TimeoutError):
        return Failure.TIMEOUT if connected else Failure.CONNECT_TIMEOUT
    if isinstance(error, ConnectionRefusedError):
        return Failure.CONNECT_REFUSED
    if is_reset(error) or is_reset(error.__context__):
        return Failure.RESET
    names = {"HTTPConnectionClosed": Failure.CLOSED, "HTTPParseError": Failure.MALFORMED}
    return names.get(type(error).__name__, Failure.OTHER)


def is_reset(error: BaseException | None) -> bool:
    return getattr(error, "errno", None) in (errno.ECONNRESET, errno.EPIPE)
