import time

import pytest
import requests

from services.defences import deadline_http
from tests.defended import defended, sample, silent_server

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
    app = defended("none,+deadline", DEADLINE_S=BUDGET_S)
    with silent_server(greeting, then, pause_s=0.03) as port, app.test_request_context():
        app.preprocess_request()
        began = time.monotonic()
        with pytest.raises(requests.RequestException):
            deadline_http.session().get(f"http://127.0.0.1:{port}/")
        assert BUDGET_S <= time.monotonic() - began < BUDGET_S + 0.15
    assert sample(app, "deadline_misses_total") == 1


def test_an_answer_in_time_comes_through_and_its_connection_is_used_again():
    app = defended("none,+deadline")
    with silent_server(HEADERS + b"\r\n" + b"x" * 100) as port, app.test_request_context():
        app.preprocess_request()
        session = deadline_http.session()
        assert session.get(f"http://127.0.0.1:{port}/").text == "x" * 100


def test_off_the_session_is_a_plain_one():
    with defended("all,-deadline").app_context():
        plain = deadline_http.session().get_adapter("http://127.0.0.1/")
        assert "http" not in plain.poolmanager.pool_classes_by_scheme or (
            plain.poolmanager.pool_classes_by_scheme["http"] is not deadline_http.DeadlinePool
        )
