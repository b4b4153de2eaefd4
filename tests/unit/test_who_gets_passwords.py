"""Somebody else listens where PostgreSQL should, and asks for the password: nobody of ours tells it."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest

from lab.model import DATABASE
from lab.paths import ROOT
from lab.runtime.local.parts import postgres
from lab.runtime.ports_free import LOOPBACK
from lab.runtime.settings import service_urls
from lab.runtime.stores.connection import connect
from loadtests import final_state
from loadtests.probes.sessions import SessionsProbe
from services import seed
from tests.standing import SECRETS

IN_CLEAR = struct.pack("!cII", b"R", 8, 3)
HASHED_ONCE = struct.pack("!cII4s", b"R", 12, 5, b"salt")
NOT_THAT = b"N"  # to a client that asks for encryption first
ASKS_FIRST_BYTES = 8


class Squatter:
    """Asks everybody for a password by `question`, and keeps what they say to that."""

    def __init__(self, question: bytes) -> None:
        self.heard: list[bytes] = []
        self._question = question
        self._socket = socket.create_server((LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._socket.accept()
                with client, suppress(ConnectionError):
                    self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        client.settimeout(20)
        while len(client.recv(1_024)) == ASKS_FIRST_BYTES:
            client.sendall(NOT_THAT)
        client.sendall(self._question)
        self.heard.append(client.recv(1_024))


def load_the_data(dsn: str) -> None:
    seed.connect(dsn)


def break_the_database(dsn: str) -> None:
    connect(dsn, "failure-lab-test")


def read_at_the_end(dsn: str) -> None:
    final_state.read({"direct_dsn": dsn, "timeout_s": 20.0, "tables": ()})


def look_at_the_sessions(dsn: str) -> None:
    config = {"dsn": dsn, "target": "store/database", "mark": "m", "timeout_s": 20.0}
    assert asyncio.run(SessionsProbe(config).look(0.0))["error"]


def serve(dsn: str) -> None:
    address = dsn.partition("@")[2].partition("/")[0]
    psycopg.connect(service_urls({DATABASE: address}, SECRETS)["DATABASE_URL"])


@pytest.fixture(params=[IN_CLEAR, HASHED_ONCE], ids=["in clear", "hashed once"])
def squatter(request: pytest.FixtureRequest) -> Iterator[Squatter]:
    listening = Squatter(request.param)
    yield listening
    listening.close()


@pytest.mark.parametrize(
    "dial", [load_the_data, break_the_database, read_at_the_end, look_at_the_sessions, serve]
)
def test_nobody_tells_a_password_to_who_asks_for_it(
    squatter: Squatter, dial: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seed, "READY_TIMEOUT_S", 0.0)
    with suppress(psycopg.Error):
        dial(postgres.dsn(squatter.port, "the-password"))
    squatter.close()
    assert squatter.heard
    assert not any(squatter.heard)


def test_the_service_of_a_stack_by_hand_tells_it_nobody_either() -> None:
    (url,) = re.findall(r"DATABASE_URL: (.+)", (ROOT / "compose" / "twin.yaml").read_text())
    assert url.endswith("/lab?require_auth=scram-sha-256")


def test_nor_does_the_line_for_psql() -> None:
    settings = postgres.psql(1, "the-password").partition(" psql ")[0].split()
    assert settings == ["PGREQUIREAUTH=scram-sha-256", "PGPASSWORD=the-password"]
