import pytest
import requests

from services.defences import http_retry
from services.defences.circuit_breaker import CircuitOpen
from services.defences.http_retry import ATTEMPTS_MAX, retried
from tests.defended import defended, sample


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(http_retry, "PAUSE_S", 0.001)
    monkeypatch.setattr(http_retry, "PAUSE_MAX_S", 0.002)


def answer(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


def failing(error: Exception, times: int):
    @retried
    def call():
        call.calls += 1
        if call.calls <= times:
            raise error
        return "charged"

    call.calls = 0
    return call


@pytest.mark.parametrize("error", [requests.ConnectionError(), requests.Timeout(), answer(503)])
def test_an_outage_of_a_moment_is_ridden_out(error):
    app, call = defended("none,+http_retry"), failing(error, times=2)
    with app.app_context():
        assert call() == "charged"
    assert sample(app, "retries_total", what="http") == 2


@pytest.mark.parametrize("error", [answer(409), CircuitOpen(), ValueError()])
def test_a_clear_no_is_not_asked_again(error):
    call = failing(error, times=1)
    with defended("none,+http_retry").app_context(), pytest.raises(type(error)):
        call()
    assert call.calls == 1


def test_it_gives_up_with_the_last_error():
    call = failing(requests.ConnectionError(), times=100)
    with defended("none,+http_retry").app_context(), pytest.raises(requests.ConnectionError):
        call()
    assert call.calls == ATTEMPTS_MAX


def test_it_does_not_retry_what_can_no_longer_end_in_time():
    app, call = (
        defended("none,+http_retry,+deadline,+honest_errors"),
        failing(requests.ConnectionError(), times=1),
    )
    app.add_url_rule("/", view_func=call)
    assert app.test_client().get("/", headers={"X-Deadline-S": "0"}).status_code == 503
    assert call.calls == 1


@pytest.mark.parametrize("defences", ["none,+http_retry,+honest_errors", "all,-http_retry"])
def test_after_a_call_to_another_service_the_effect_is_unknown(defences):
    app, call = defended(defences), failing(CircuitOpen(), times=100)
    app.add_url_rule("/", view_func=call, methods=["POST"])
    assert app.test_client().post("/").json["effect"] == "unknown"


def test_off_the_first_failure_is_the_last():
    call = failing(requests.ConnectionError(), times=1)
    with defended("all,-http_retry").app_context(), pytest.raises(requests.ConnectionError):
        call()
    assert call.calls == 1
