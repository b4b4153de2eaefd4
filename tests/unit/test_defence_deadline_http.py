import socket
import threading
from contextlib import nullcontext

import pytest
import requests

from services.defences import deadline_http, http_failures, unavailable
from services.defences.unavailable import is_outage
from tests.defended import PATIENT_S, defended, sample, silent_server
from tests.timing import quickest_s

BUDGET_S = 0.1
HEADERS = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"


@pytest.mark.parametrize(
    ("greeting", "then"),
    [
        pytest.param(b"", (), id="silent"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", (b"X",) * 100, id="headers dripping"),
        pytest.param(HEADERS + b"\r\n", (b"x",) * 100, id="body dripping"),
    ],
)
def test_whatever_a_server_does_the_answer_ends_at_the_deadline(greeting, then):
    def get():
        app = defended("none,+deadline", DEADLINE_S=BUDGET_S)
        with silent_server(greeting, then, pause_s=0.03) as port, app.test_request_context():
            session = deadline_http.session()
            app.preprocess_request()
            with pytest.raises(requests.RequestException):
                session.get(f"http://127.0.0.1:{port}/")
        assert sample(app, "deadline_misses_total") == 1

    assert BUDGET_S <= quickest_s(get) < BUDGET_S + 0.15


@pytest.mark.parametrize(("patience_s", "away"), [(60.0, None), (BUDGET_S / 10, True)])
@pytest.mark.parametrize("greeting", [b"", HEADERS + b"\r\n"], ids=["silent", "stalled in the body"])
def test_silence_means_that_the_service_is_away_only_when_it_was_waited_for(
    greeting, patience_s, away, monkeypatch
):
    monkeypatch.setattr(unavailable, "PATIENCE_S", patience_s)
    app = defended("none,+deadline", DEADLINE_S=BUDGET_S)
    with silent_server(greeting) as port, app.test_request_context():
        session = deadline_http.session()
        app.preprocess_request()
        with pytest.raises(requests.RequestException) as caught:
            session.get(f"http://127.0.0.1:{port}/")
    assert is_outage(caught.value) is away


def test_an_answer_in_time_comes_through_and_its_connection_is_used_again():
    app = defended("none,+deadline")
    with silent_server(HEADERS + b"\r\n" + b"x" * 100) as port, app.test_request_context():
        app.preprocess_request()
        session = deadline_http.session()
        assert session.get(f"http://127.0.0.1:{port}/").text == "x" * 100


def test_a_name_that_is_never_resolved_ends_at_the_deadline(monkeypatch):
    def get():
        app = defended("none,+deadline", DEADLINE_S=BUDGET_S)
        with app.test_request_context():
            session = deadline_http.session()
            app.preprocess_request()
            with pytest.raises(requests.RequestException) as caught:
                session.get("http://payments.test/")
        assert http_failures.rule_of(caught.value) is http_failures.UNREACHABLE

    hung = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: list(range(0 * hung.wait(10))))
    assert BUDGET_S <= quickest_s(get) < BUDGET_S + 0.15
    hung.set()


def test_every_address_of_a_name_is_tried_in_turn(monkeypatch):
    found = [(0, 0, 0, "", ("127.0.0.2", 0)), (0, 0, 0, "", ("127.0.0.1", 0))]
    real = socket.getaddrinfo

    def lookup(host, *arguments, **keywords):
        return found if host == "payments.test" else real(host, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    app = defended("none,+deadline")
    with silent_server(HEADERS + b"\r\n" + b"x" * 100) as port, app.test_request_context():
        app.preprocess_request()
        assert deadline_http.session().get(f"http://payments.test:{port}/").status_code == 200


@pytest.mark.parametrize(("new", "connections"), [(False, 1), (True, 2)])
def test_a_new_connection_is_opened_where_one_from_the_pool_has_disappointed(new, connections):
    app, accepted = defended("none,+deadline"), []
    answer = HEADERS + b"\r\n" + b"x" * 100
    with silent_server(answer, accepted=accepted, answers=2) as port, app.test_request_context():
        app.preprocess_request()
        session, url = deadline_http.session(), f"http://127.0.0.1:{port}/"
        session.get(url)
        with deadline_http.new_connection() if new else nullcontext():
            session.get(url)
    assert len(accepted) == connections


@pytest.mark.parametrize("defences", ["none,+deadline", "all,-deadline"])
def test_the_other_side_is_told_how_long_its_answer_is_of_use(defences):
    app = defended(defences)
    with app.test_request_context():
        app.preprocess_request()
        told = deadline_http.headers()
    assert told == {} or 0 < float(told["X-Deadline-S"]) <= PATIENT_S
    assert bool(told) == (defences == "none,+deadline")


def test_off_the_session_is_a_plain_one():
    with defended("all,-deadline").app_context():
        plain = deadline_http.session().get_adapter("http://127.0.0.1/")
        assert "http" not in plain.poolmanager.pool_classes_by_scheme or (
            plain.poolmanager.pool_classes_by_scheme["http"] is not deadline_http.DeadlinePool
        )
