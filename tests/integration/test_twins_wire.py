"""Hostile bytes on the wire, to a twin under gunicorn as it really runs."""

import http.client
import json
import select
import time
from contextlib import ExitStack, closing, suppress

import pytest

from tests.served import THREADS, first_status
from tests.twins import HARDENED, HEADERS, NAIVE, SLOT

BODY = json.dumps(SLOT).encode()
MEGABYTE = 1_000_000
UNCHECKED = ("hardened", "all,-input_validation")

pytestmark = pytest.mark.timeout(120)


def head(path: str = "/holds/", length: object = len(BODY), method: str = "POST", more: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: {HEADERS['Authorization']}"]
    lines += ["Content-Type: application/json", f"Content-Length: {length}"] if length is not None else []
    return "\r\n".join([*lines, *([more] if more else []), "", ""]).encode()


CHUNKED = head(length=None, more="Content-Type: application/json\r\nTransfer-Encoding: chunked")
# What, and the statuses that are right for it; 0 is a closed connection.
GARBAGE = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n", {400, 0}),
    "a version from the future": (b"GET / HTTP/9.9\r\n\r\n", {400}),
    "a line without an end": (b"GET /" + b"x" * 20_000, {400, 414}),
    "a path without an end": (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", {400, 414}),
    "a header without an end": (b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", {400, 431}),
    "a thousand headers": (b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 1_000 + b"\r\n", {400, 431}),
    "a header with a NUL": (b"GET / HTTP/1.1\r\nX: \0\r\n\r\n", {400}),
    "a header that forges another": (b"GET / HTTP/1.1\r\nX: a\nY: b\r\n\r\n", {400}),
    "a negative length": (head(length=-1) + BODY, {400}),
    "a length that is no number": (head(length="x") + BODY, {400}),
    "a length of another kind": (head(length="1e3") + BODY, {400}),
    "two lengths": (head(more="Content-Length: 5") + BODY, {400}),
    "a length and chunks": (head(more="Transfer-Encoding: chunked") + BODY, {400}),
    "a coding that nobody knows": (head(length=None, more="Transfer-Encoding: x"), {400, 501}),  # as RFC 9112 asks
    "a chunk whose length is no number": (CHUNKED + b"x\r\n", {400}),
    "a chunk without an end": (CHUNKED + b"3\r\nabcdef\r\n", {400}),
    "chunks without an end of their own": (CHUNKED + b"1000000\r\n" + b" " * 100_000, {413}),
    "an expectation that nobody knows": (head(more="Expect: miracles") + BODY, {417}),
    "a path of control characters": (head("/%00%0D%0A%1B/", None, "GET"), {404}),
    "a path that is no UTF-8": (head("/%FF%ED%A0%80/", None, "GET"), {404}),
    "a path that climbs": (head("/../../etc/passwd", None, "GET"), {404}),
    "a number of 3,000 digits": (head("/bookings/" + "9" * 3_000 + "/", None, "GET"), {404}),
    "a method of 200 letters": (head("/rooms/", None, "X" * 200), {405, 400}),
}  # fmt: skip


def test_no_garbage_on_the_wire_gets_a_5xx_from_hardened_or_ends_its_worker(serve):
    with serve(*HARDENED) as server:
        worker = server.worker()
        answers = {name: server.say(data) for name, (data, _) in GARBAGE.items()}
        wrong = {name: status for name, status in answers.items() if status not in GARBAGE[name][1]}
        assert (wrong, server.status("/rooms/"), server.worker()) == ({}, 200, worker)


@pytest.mark.parametrize(
    ("twin", "status", "kept"), [(NAIVE, 400, True), (UNCHECKED, 400, True), (HARDENED, 413, False)]
)
def test_a_body_of_80_mb(serve, twin, status, kept):
    with serve(*twin) as server:
        assert server.say(head() + BODY) == 201  # whatever comes with a first request is there
        before = server.peak_bytes()
        with server.connect() as connection:
            connection.sendall(head(length=80 * MEGABYTE))
            try:
                for _ in range(80):
                    connection.sendall(b" " * MEGABYTE)
            except ConnectionError:
                assert not kept  # it was refused, and the rest of it was not wanted
            assert first_status(connection) in (status, 0 if not kept else status)
        grown = server.peak_bytes() - before
        assert (grown > 60 * MEGABYTE) == kept
        assert kept or grown < 8 * MEGABYTE


def test_a_client_that_asks_first_is_told_413_before_it_sends_80_mb(serve):
    with serve(*HARDENED) as server:
        assert server.say(head(length=80 * MEGABYTE, more="Expect: 100-continue")) in (100, 413)


@pytest.mark.parametrize(("twin", "status"), [(NAIVE, None), (UNCHECKED, None), (HARDENED, 408)])
def test_a_body_that_comes_letter_by_letter(serve, twin, status):
    """The sender never stops for long; hardened still frees the thread at the deadline, naive never does."""
    letters = BODY[:-1] if status else BODY[:20]
    with serve(*twin) as server, server.connect() as connection:
        connection.sendall(head(more="X-Deadline-S: 0.5"))
        answered = None
        for letter in letters:
            connection.sendall(bytes([letter]))
            if select.select([connection], [], [], 0.1)[0]:
                answered = first_status(connection)
                break
        assert answered == status


def test_a_body_that_is_too_long_and_comes_letter_by_letter_is_not_awaited_after_its_answer(serve):
    """Once it has said 413 the server reads on, with a time-out that every letter restarts."""
    with serve(*HARDENED) as server, server.connect() as connection:
        connection.sendall(head(length=MEGABYTE, more="X-Deadline-S: 0.5"))
        assert first_status(connection) == 413
        ends_at = time.monotonic() + 15
        with suppress(ConnectionError):
            while time.monotonic() < ends_at:
                connection.sendall(b"x")
                if select.select([connection], [], [], 0.2)[0] and not connection.recv(65536):
                    break
        assert time.monotonic() < ends_at, "the thread is kept for as long as the client likes"


SOON = "X-Deadline-S: 0.5"
STRANGER = b"Bearer of nothing"


@pytest.mark.parametrize(
    "asked",
    [
        head(more=SOON),
        head(more=SOON).replace(HEADERS["Authorization"].encode(), STRANGER),
        head("/bookings/9999999999/", method="DELETE", more=SOON),
        head("/nowhere/", more=SOON),
    ],
    ids=["a hold", "a hold for a stranger", "an id that no row can have", "no route"],
)
def test_slow_senders_keep_no_thread_from_those_who_want_to_read(serve, asked):
    with serve(*HARDENED) as server, ExitStack() as opened:
        slow = [opened.enter_context(server.connect()) for _ in range(2 * THREADS)]
        for connection in slow:
            connection.sendall(asked + b"{")
        assert server.status("/rooms/") == 200
        assert {first_status(connection) for connection in slow} == {408}


def test_a_stranger_who_sends_all_of_it_is_told_to_say_who_they_are(serve):
    with serve(*HARDENED) as server:
        assert server.say(head().replace(HEADERS["Authorization"].encode(), STRANGER) + BODY) == 401


def test_a_body_that_comes_in_two_parts_is_read_and_the_connection_kept(serve):
    with serve(*HARDENED) as server, server.connect() as connection:
        for _ in range(2):
            connection.sendall(head() + BODY[:10])
            assert not select.select([connection], [], [], 0.1)[0]
            connection.sendall(BODY[10:])
            with closing(http.client.HTTPResponse(connection)) as answer:
                answer.begin()
                assert (answer.status, json.load(answer)["reference"]) == (201, SLOT["reference"])
