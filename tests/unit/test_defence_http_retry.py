import pytest
import requests

from services.defences import deadline_http, honest_errors, http_retry, transaction_retry
from services.defences.circuit_breaker import CircuitOpen
from services.defences.http_retry import ATTEMPTS_MAX, FIRST_TRY_S, Patience, retried
from services.defences.transaction_retry import BUDGET_MAX, PER_CALL
from tests.defended import defended, sample, silent_server
from tests.timing import quickest_s


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(http_retry, "PAUSE_S", 0.001)
    monkeypatch.setattr(http_retry, "PAUSE_MAX_S", 0.002)


def answer(status: int, retry_after: str = "") -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    response.headers["Retry-After"] = retry_after
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


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError(),
        requests.Timeout(),
        requests.exceptions.ChunkedEncodingError(),
        answer(503),
        answer(429),
    ],
)
def test_an_outage_of_a_moment_is_ridden_out(error):
    app, call = defended("none,+http_retry"), failing(error, times=2)
    with app.app_context():
        assert call() == "charged"
    assert sample(app, "retries_total", what="http") == 2


@pytest.mark.parametrize("error", [answer(402), answer(409), answer(302), CircuitOpen(), ValueError()])
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
        defended("none,+honest_errors,+http_retry,+deadline"),
        failing(requests.ConnectionError(), times=1),
    )
    app.add_url_rule("/", view_func=call)
    assert app.test_client().get("/", headers={"X-Deadline-S": "0"}).status_code == 503
    assert call.calls == 1


@pytest.mark.parametrize("defences", ["none,+honest_errors,+http_retry", "all,-http_retry"])
@pytest.mark.parametrize(
    ("error", "effect"),
    [
        (CircuitOpen(), "none"),
        (answer(429), "none"),
        (answer(500), "unknown"),
        (requests.Timeout(), "unknown"),
    ],
)
def test_after_a_call_to_another_service_the_effect_is_what_its_failure_says(defences, error, effect):
    app = defended(defences)

    @retried
    def call():
        with honest_errors.call():
            raise error

    app.add_url_rule("/", view_func=call, methods=["POST"])
    assert app.test_client().post("/").json["effect"] == effect


def test_one_try_in_doubt_leaves_the_call_in_doubt():
    app, errors = defended("none,+honest_errors,+http_retry"), [answer(500), answer(429), answer(429)]

    @retried
    def call():
        with honest_errors.call():
            raise errors.pop(0)

    app.add_url_rule("/", view_func=call, methods=["POST"])
    assert app.test_client().post("/").json["effect"] == "unknown"


def test_all_calls_together_have_a_budget_of_retries(monkeypatch):
    monkeypatch.setattr(transaction_retry, "PER_S", 0.0)
    calls = [failing(requests.ConnectionError(), times=100) for _ in range(40)]
    app = defended("none,+http_retry")
    with app.app_context():
        for call in calls:
            with pytest.raises(requests.ConnectionError):
                call()
    retries = sample(app, "retries_total", what="http")
    assert BUDGET_MAX <= retries <= BUDGET_MAX + PER_CALL * len(calls)
    assert sum(call.calls for call in calls) == len(calls) + retries


@pytest.mark.parametrize(("asked_s", "calls"), [("1", 2), ("30", 1)])
def test_retry_after_is_kept_where_the_budget_allows_and_else_passed_on(monkeypatch, asked_s, calls):
    pauses = []
    monkeypatch.setattr("stamina._core._smart_sleep", pauses.append, raising=False)
    monkeypatch.setattr("time.sleep", pauses.append)
    app = defended("none,+honest_errors,+http_retry,+deadline", DEADLINE_S=20.0)
    call = failing(answer(429, asked_s), times=1)
    app.add_url_rule("/", view_func=lambda: {"charge": call()})
    response = app.test_client().get("/")
    assert call.calls == calls
    assert response.status_code == (200 if calls == 2 else 503)
    if calls == 2:
        assert pauses == [1]
    else:
        assert int(response.headers["Retry-After"]) >= 30


def test_a_half_dead_connection_costs_the_first_try_its_time_and_no_more():
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    def call():
        app, accepted = defended("none,+http_retry,+deadline"), []
        with silent_server(good, accepted=accepted) as port, app.test_request_context():
            app.preprocess_request()
            session = deadline_http.session()

            def get() -> int:
                return session.get(f"http://127.0.0.1:{port}/").status_code

            assert get() == 200  # after which the server keeps the connection and never answers on it again
            assert retried(get)() == 200
        assert len(accepted) == 2

    assert FIRST_TRY_S <= quickest_s(call) < 3 * FIRST_TRY_S


def test_a_service_that_is_merely_slow_is_given_the_time_it_needs():
    patience = Patience()
    assert patience.first_try_s == FIRST_TRY_S
    patience.missed(FIRST_TRY_S)
    assert patience.first_try_s == 2 * FIRST_TRY_S
    patience.answered(0.6)
    assert patience.first_try_s > 0.6
    for _ in range(20):
        patience.answered(0.005)
    assert patience.first_try_s == FIRST_TRY_S


def test_off_the_first_failure_is_the_last():
    call = failing(requests.ConnectionError(), times=1)
    with defended("all,-http_retry").app_context(), pytest.raises(requests.ConnectionError):
        call()
    assert call.calls == 1
