"""What the load writes is what the lab reads, and it knows what a client may believe."""

import errno

import numpy as np
import pytest

from lab import model
from lab.judge.statistics import TRY_AGAIN
from lab.record import REQUEST
from lab.record.requests import NOT_NEEDED
from loadtests import records
from loadtests.client import classify
from loadtests.records import (
    RECORD,
    Failure,
    Outcome,
    is_settled,
    outcome,
)

EXPECT = {"id": 7, "status": "confirmed"}


def test_both_sides_mean_the_same_numbers() -> None:
    assert {kind.name: kind.value for kind in Failure} == {kind.name: kind.value for kind in model.Failure}
    assert {kind.name: kind.value for kind in Outcome} == {kind.name: kind.value for kind in model.Outcome}


def test_both_sides_mean_the_same_42_bytes() -> None:
    assert RECORD.size == REQUEST.itemsize == 42
    row = (1, 2, 503, 4, 1, 3, 10.5, 11.5, 12.5, 13.5)

    assert np.frombuffer(RECORD.pack(*row), dtype=REQUEST)[0].item() == row


@pytest.mark.parametrize(
    ("method", "status", "failure", "answered", "believed"),
    [
        ("POST", 201, Failure.NONE, {}, Outcome.OK),
        ("POST", 409, Failure.NONE, {}, Outcome.REFUSED),
        ("POST", 503, Failure.NONE, {"effect": "none"}, Outcome.REFUSED),
        ("POST", 503, Failure.NONE, {"effect": "unknown"}, Outcome.UNKNOWN),
        ("POST", 500, Failure.NONE, None, Outcome.UNKNOWN),
        ("POST", 302, Failure.NONE, None, Outcome.UNKNOWN),
        ("POST", 0, Failure.CONNECT_REFUSED, None, Outcome.REFUSED),
        ("POST", 0, Failure.SHED, None, Outcome.REFUSED),
        ("POST", 0, Failure.TIMEOUT, None, Outcome.UNKNOWN),
        ("POST", 0, Failure.RESET, None, Outcome.UNKNOWN),
        ("POST", 0, Failure.ABORTED, None, Outcome.UNKNOWN),
        ("GET", 503, Failure.NONE, {"status": "draining"}, Outcome.REFUSED),
        ("GET", 500, Failure.NONE, None, Outcome.FAILED),
        ("GET", 0, Failure.TIMEOUT, None, Outcome.FAILED),
        ("GET", 0, Failure.RESET, None, Outcome.FAILED),
        ("GET", 302, Failure.NONE, None, Outcome.FAILED),
        ("GET", 500, Failure.NONE, {"effect": "none"}, Outcome.REFUSED),
        ("POST", 503, Failure.NONE, None, Outcome.UNKNOWN),
    ],
)
def test_what_a_client_may_believe(
    method: str, status: int, failure: Failure, answered: object, believed: Outcome
) -> None:
    assert outcome(method, status, failure, answered) is believed


@pytest.mark.parametrize(
    ("status", "failure", "answered"),
    [
        (201, Failure.NONE, True),
        (409, Failure.NONE, True),
        (500, Failure.NONE, True),
        (503, Failure.NONE, False),
        (504, Failure.NONE, False),
        (0, Failure.TIMEOUT, False),
        (0, Failure.RESET, False),
        (0, Failure.CONNECT_REFUSED, False),
    ],
)
def test_who_was_answered_does_not_ask_again(status: int, failure: Failure, answered: bool) -> None:
    assert is_settled(status, failure) is answered


def test_both_sides_mean_the_same_by_not_needed_and_by_come_again() -> None:
    assert records.NOT_NEEDED == NOT_NEEDED
    assert set(records.TRY_AGAIN) == set(TRY_AGAIN)


class HTTPConnectionClosed(Exception):
    """As geventhttpclient raises it: by name, the reset only in its context."""


def closed_by(cause: BaseException | None) -> BaseException:
    error = HTTPConnectionClosed()
    error.__context__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "connected", "failure"),
    [
        (ConnectionRefusedError(), False, Failure.CONNECT_REFUSED),
        (TimeoutError(), False, Failure.CONNECT_TIMEOUT),
        (TimeoutError(), True, Failure.TIMEOUT),
        (OSError(errno.ECONNRESET, "reset"), True, Failure.RESET),
        (OSError(errno.EPIPE, "pipe"), True, Failure.RESET),
        (closed_by(OSError(errno.ECONNRESET, "reset")), True, Failure.RESET),
        (closed_by(None), True, Failure.CLOSED),
        (ValueError(), True, Failure.OTHER),
    ],
)
def test_how_a_request_failed_below_http(error: BaseException, connected: bool, failure: Failure) -> None:
    assert classify(error, connected) is failure
