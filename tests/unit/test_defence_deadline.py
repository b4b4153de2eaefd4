"""The servers here accept, acknowledge and keep silent: what Toxiproxy's blackhole looks like from the client."""

import socket
import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy as sa
from flask import jsonify

from services.defences import deadline
from services.defences.deadline import DeadlineConnection, NoAnswer, left_s
from services.defences.unavailable import is_outage
from tests.defended import defended, sample, silent_server
from tests.timing import quickest_s

BUDGET_S = 0.1
# What PostgreSQL says to a client that it trusts: authenticated, two parameters, ready for a query.
WELCOME = (
    b"R\0\0\0\x08\0\0\0\0S\0\0\0\x19client_encoding\0UTF8\0S\0\0\0\x18server_version\x0018.4\0Z\0\0\0\x05I"
)


@pytest.fixture(autouse=True)
def short_grace(monkeypatch):
    monkeypatch.setattr(deadline, "GRACE_S", 0.05)


@contextmanager
def request_of(app, **headers: str):
    """A request of `app` whose budget has begun."""
    with app.test_request_context(headers=headers):
        app.preprocess_request()
        yield


def url(port: int) -> str:
    return f"host=127.0.0.1 port={port} user=app dbname=lab sslmode=disable gssencmode=disable"


def engine(port: int, host: str = "127.0.0.1", **how: bool) -> sa.Engine:
    made = sa.create_engine(
        f"postgresql+psycopg://app@{host}:{port}/lab?sslmode=disable&gssencmode=disable", **how
    )
    deadline.watch(made)
    return made


def test_a_connect_that_nobody_answers_ends_at_the_deadline():
    def connect():
        app = defended("none,+deadline", DEADLINE_S=BUDGET_S)
        with silent_server() as port, request_of(app), pytest.raises(NoAnswer):
            DeadlineConnection.connect(url(port))
        assert sample(app, "deadline_misses_total") == 1

    assert BUDGET_S <= quickest_s(connect) < BUDGET_S + 0.25


def test_a_query_that_nobody_answers_ends_at_the_deadline_and_closes_the_connection():
    def query():
        app = defended("none,+deadline")
        with silent_server(WELCOME) as port, request_of(app):
            connection = DeadlineConnection.connect(url(port))
            with deadline.at_most(BUDGET_S), pytest.raises(NoAnswer):
                connection.execute("SELECT 1")
            assert connection.closed
        assert sample(app, "deadline_misses_total") == 1

    assert BUDGET_S <= quickest_s(query) < BUDGET_S + deadline.GRACE_S + 0.2


@pytest.mark.parametrize(
    ("defences", "by"), [("none,+deadline", "DeadlineConnection"), ("all,-deadline", "psycopg")]
)
def test_sqlalchemy_connects_by_it_only_when_it_is_on(defences, by, monkeypatch):
    def connect_by(name):
        def connect(*_, **__):
            raise psycopg.OperationalError(f"by {name}")

        return connect

    with defended(defences).app_context():
        made = engine(1)
        monkeypatch.setattr(DeadlineConnection, "connect", connect_by("DeadlineConnection"))
        monkeypatch.setattr(made.dialect.loaded_dbapi, "connect", connect_by("psycopg"))
        with pytest.raises(sa.exc.OperationalError, match=f"by {by}"):
            made.connect()


def test_a_name_that_is_never_resolved_costs_the_budget_and_no_more(monkeypatch):
    """libpq resolves in a blocking call of its own, which nothing ends."""
    over = threading.Event()

    def hang(*_, **__):
        over.wait(30)
        return []

    def connect():
        with request_of(defended("none,+deadline", DEADLINE_S=BUDGET_S)):
            made = sa.create_engine("postgresql+psycopg://app@database.invalid/lab")
            deadline.watch(made)
            with pytest.raises(sa.exc.OperationalError, match="no address"):
                made.connect()

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    assert quickest_s(connect) < BUDGET_S + 0.25
    over.set()


@pytest.fixture
def two_addresses(monkeypatch):
    """database.test has two addresses, and at the first nobody listens: as localhost may be ::1 and 127.0.0.1."""
    found = [(0, 0, 0, "", ("127.0.0.2", 0)), (0, 0, 0, "", ("127.0.0.1", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_each_address_of_the_database_is_tried_in_turn(two_addresses):
    with silent_server(WELCOME) as port, request_of(defended("none,+deadline")):
        connection = engine(port, "database.test", _initialize=False).raw_connection()
        assert connection.dbapi_connection.info.hostaddr == "127.0.0.1"
        connection.invalidate()  # which closes it


def test_an_address_that_swallows_everything_leaves_time_for_the_next(monkeypatch):
    monkeypatch.setattr(deadline.names, "addresses", lambda *_: ["192.0.2.1", "192.0.2.2"])
    given = []

    def connect(**keywords):
        given.append((keywords["hostaddr"], left_s()))
        raise NoAnswer("silence")

    monkeypatch.setattr(DeadlineConnection, "connect", connect)
    with request_of(defended("none,+deadline", DEADLINE_S=20)), pytest.raises(sa.exc.OperationalError):
        engine(1, "database.test").connect()
    assert given == [("192.0.2.1", pytest.approx(10, abs=3)), ("192.0.2.2", pytest.approx(20, abs=3))]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (
            psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"),
            psycopg.errors.LockNotAvailable,
        ),
        (psycopg.errors.QueryCanceled(), deadline.Stopped),
        (psycopg.OperationalError("the connection is lost"), NoAnswer),
        (OSError(24, "Too many open files"), NoAnswer),
    ],
)
def test_an_answer_just_after_the_deadline_is_an_answer(monkeypatch, error, raised):
    with silent_server(WELCOME) as port, request_of(defended("none,+deadline", DEADLINE_S=5)):
        connection = DeadlineConnection.connect(url(port))

        def wait(*_, **__):
            raise error

        monkeypatch.setattr(psycopg.Connection, "wait", wait)
        monkeypatch.setattr(connection, "cancel_safe", lambda **_: None)
        with pytest.raises(raised):
            connection._stop(None, time.monotonic())
        assert connection.closed == (raised is NoAnswer)
        connection.close()


def test_when_no_address_answers_in_time_that_is_said(two_addresses):
    with silent_server() as port, request_of(defended("none,+deadline", DEADLINE_S=BUDGET_S)):
        with pytest.raises(sa.exc.OperationalError) as caught:
            engine(port, "database.test").connect()
        assert isinstance(caught.value.orig, NoAnswer)


@pytest.mark.parametrize(
    ("waited_s", "away"), [(deadline.PATIENCE_S, True), (0.9 * deadline.PATIENCE_S, None)]
)
def test_no_answer_means_that_the_database_is_away_only_when_it_was_waited_for(waited_s, away):
    assert is_outage(NoAnswer(waited_s=waited_s)) is away


def test_all_waits_of_a_request_share_one_budget():
    app = defended("none,+deadline", DEADLINE_S=5)
    with request_of(app):
        first = left_s()
        assert left_s(1.0) == 1.0
        assert 0 < left_s() < first <= 5


@pytest.mark.parametrize(
    ("asked", "granted"), [("0.5", 0.5), ("9", 1.0), ("nonsense", 1.0), ("-1", -1.0), ("nan", 1.0)]
)
def test_a_client_may_ask_for_less_time_but_not_for_more(asked, granted):
    app = defended("none,+deadline", DEADLINE_S=deadline.DEADLINE_S)
    began = time.monotonic()
    with request_of(app, **{"X-Deadline-S": asked}):
        left = left_s()
        assert granted - (time.monotonic() - began) <= left <= granted


def test_a_part_may_have_a_smaller_budget_which_ends_with_it():
    with request_of(defended("none,+deadline")):
        with deadline.at_most(0.2):
            assert left_s() <= 0.2
            with deadline.at_most(5):
                assert left_s() <= 0.2
        assert left_s() > 0.5


def test_outside_a_request_a_wait_is_bounded_too():
    assert left_s() == deadline.LONGEST_WAIT_S


def test_off_a_request_has_no_deadline():
    app = defended("all,-deadline")
    app.add_url_rule("/", view_func=lambda: jsonify(left_s(1e9)))
    assert app.test_client().get("/", headers={"X-Deadline-S": "0.1"}).json == 1e9
    with app.app_context(), deadline.at_most(0.1):
        assert left_s(1e9) == 1e9
