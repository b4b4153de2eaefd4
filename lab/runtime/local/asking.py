"""Whether a server on loopback answers: one short question, with a time limit."""

from __future__ import annotations

import http.client
import socket
import time

from lab.runtime.ports_free import LOOPBACK

ANSWER_TIMEOUT_S = 10.0
REPLY_TIMEOUT_S = 1.0
REPLY_BYTES_MAX = 8_192


def answers(port: int, path: str, timeout_s: float = ANSWER_TIMEOUT_S) -> bool:
    """Whether an HTTP server on `port` answers `path` with 200 now."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def replies(port: int, question: str, expected: str) -> bool:
    """Whether the reply of a server on `port` to `question` contains `expected`."""
    give_up, reply, wanted = time.monotonic() + REPLY_TIMEOUT_S, b"", expected.encode()
    try:
        with socket.create_connection((LOOPBACK, port), REPLY_TIMEOUT_S) as connection:
            connection.sendall(question.encode())
            while wanted not in reply and len(reply) < REPLY_BYTES_MAX and time.monotonic() < give_up:
                more = connection.recv(REPLY_BYTES_MAX)
                if not more:
                    break
                reply += more
    except OSError:
        return False
    return wanted in reply
