"""What a stack tells somebody who only knows its addresses: nothing. One suite for both runtimes.

A subclass names a fixture `testbed`, with cache and queue, and the twin that is asked. Logins at the database are
tested with each runtime.
"""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from contextlib import suppress
from typing import Any

import pytest

from lab.model import CACHE, EDGE, PAYMENTS, QUEUE, Secrets
from lab.workload.booking import BOOKING

PATIENCE_S, SILENT_S = 20.0, 0.5  # until the answer begins, and between two parts of it


class StrangersSuite:
    twin: str
    secrets: Secrets

    @pytest.mark.parametrize("way", ["", "direct_"])
    @pytest.mark.parametrize("login", [b"", b"AUTH guessed\r\n"])
    def test_the_cache_tells_a_stranger_nothing(self, testbed: Any, way: str, login: bytes) -> None:
        answer = said(testbed.targets(self.twin)[way + CACHE], login + b"KEYS *\r\nINFO\r\n")
        assert all(line.startswith((b"-NOAUTH", b"-WRONGPASS")) for line in answer.splitlines())
        assert answer.count(b"-NOAUTH") == 2

    @pytest.mark.parametrize("way", ["", "direct_"])
    @pytest.mark.parametrize("options", [{}, {"auth_token": "guessed"}, {"user": "", "pass": ""}])
    def test_the_queue_tells_a_stranger_nothing(
        self, testbed: Any, way: str, options: dict[str, Any]
    ) -> None:
        question = f"CONNECT {json.dumps({'verbose': False, **options})}\r\nSUB > 1\r\nPING\r\n"
        answer = said(testbed.targets(self.twin)[way + QUEUE], question.encode())
        assert b"-ERR 'Authorization Violation'" in answer
        assert b"PONG" not in answer

    @pytest.mark.parametrize(
        ("target", "path"),
        [
            (EDGE, "/users/1/bookings/"),
            (EDGE, "/users/?include=bookings"),
            (f"direct_{EDGE}", "/bookings/1/"),
            (PAYMENTS, "/charges"),
            (f"direct_{PAYMENTS}", "/charges"),
        ],
    )
    @pytest.mark.parametrize("token", ["", "x", BOOKING.token("by-hand"), BOOKING.token("")])
    def test_service_and_payments_tell_a_stranger_nothing(
        self, testbed: Any, target: str, path: str, token: str
    ) -> None:
        url = f"http://{testbed.targets(self.twin)[target]}{path}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(request, timeout=5)

    def test_metrics_are_open_and_hold_no_secret(self, testbed: Any) -> None:
        url = f"http://{testbed.targets(self.twin)[EDGE]}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        assert "# HELP" in text
        assert not [name for name, secret in vars(self.secrets).items() if secret in text]


def said(address: str, question: bytes) -> bytes:
    """All that comes back until the server hangs up or has nothing more to say."""
    host, port = address.split(":")
    answer = b""
    with socket.create_connection((host, int(port)), PATIENCE_S) as connection, suppress(TimeoutError):
        connection.sendall(question)
        while more := connection.recv(65_536):
            answer += more
            greeted = answer.startswith(b"INFO")  # by NATS, which has not answered yet
            connection.settimeout(PATIENCE_S if greeted else SILENT_S)
    return answer
