"""Money: every charge belongs to one confirmed booking of that amount, or is paid back. Payments are real here."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from werkzeug.wrappers import Response

from services.defences import http_retry, saga
from services.defences.choice import NAMES
from tests import payments
from tests.stub_service import eventually
from tests.twins import HARDENED, HEADERS, NAIVE, SLOT, UNDEFENDED, ask, change, dying_before, rows

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("patient_payments")]

OTHER_DAY = SLOT | {"starts_at": "2030-02-01T10:00:00Z", "ends_at": "2030-02-01T11:00:00Z"}


@pytest.fixture
def company():
    made = payments.Company()
    with made.open():
        yield made


@pytest.fixture
def payments_url(company):
    return company.url


def balanced(owner: str, company: payments.Company) -> bool:
    """Whether charges − refunds = prices of what is confirmed (seeded bookings were paid for elsewhere)."""
    (prices,) = rows(
        owner, "SELECT coalesce(sum(price_cents), 0) FROM bookings WHERE status = 'confirmed' AND id > 90"
    )[0]
    return company.kept_cents() == prices


def bookings(owner: str) -> list[tuple]:
    return rows(owner, "SELECT status FROM bookings WHERE id > 90 ORDER BY id")


def taken(app) -> list:
    return ask(app, "GET", "/rooms/1/availability/?date=2030-01-01").json["taken"]


def long_ago(owner: str) -> None:
    """Make every booking so old that nobody can still be paying for it."""
    change(owner, "UPDATE bookings SET created_at = created_at - interval '1 minute'")


def test_one_reference_for_two_bookings_is_two_charges(make, owner, company):
    app = make(*HARDENED)
    made = [
        ask(app, "POST", "/bookings/", slot | {"user_id": user}).json
        for user, slot in ((1, SLOT), (2, OTHER_DAY))
    ]
    assert [booking["status"] for booking in made] == ["confirmed"] * 2
    assert len(company.charges()) == 2
    assert balanced(owner, company)


@pytest.mark.parametrize("reference", ["naïve – 漢字 🎷", "two\nlines", "a:b c/d?e#f", "x" * 64, " "])
@pytest.mark.parametrize("twin", [NAIVE, HARDENED, ("hardened", "all,-saga")])
def test_a_reference_may_be_any_text(make, owner, company, twin, reference):
    app = make(*twin)
    assert ask(app, "POST", "/bookings/", SLOT | {"reference": reference}).status_code == 201
    assert [charge["reference"] for charge in company.charges()] == [reference]


@pytest.mark.parametrize("twin", [NAIVE, UNDEFENDED, ("hardened", "all,-saga"), HARDENED])
def test_who_cancels_gets_the_money_back_once(make, owner, company, twin):
    app = make(*twin)
    booking = ask(app, "POST", "/bookings/", SLOT).json
    assert company.kept_cents() == 1_650
    for _ in range(2):
        assert ask(app, "DELETE", f"/bookings/{booking['id']}/").status_code == 204
        if twin[0] == "hardened":
            app.extensions["sweeper"].turn()
        assert company.kept_cents() == 0
    assert bookings(owner) == [("cancelled",)]


def test_a_booking_that_was_not_paid_for_here_is_cancelled_without_a_refund(make, owner, company):
    app = make(*HARDENED)
    assert ask(app, "DELETE", "/bookings/1/").status_code == 204
    app.extensions["sweeper"].turn()
    assert (company.charges(), rows(owner, "SELECT count(*) FROM refunds_due")) == ([], [(0,)])


def test_a_booking_that_is_being_paid_for_cannot_be_cancelled(make, owner, company):
    app, asked, go_on = make(*HARDENED), threading.Event(), threading.Event()

    def slowly(do):
        asked.set()
        go_on.wait(30)
        return do()

    company.answers_charges = slowly
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(ask, app, "POST", "/bookings/", SLOT)
        assert asked.wait(30)
        assert ask(app, "DELETE", "/bookings/91/").status_code == 409
        go_on.set()
        assert paying.result().status_code == 201
    assert bookings(owner) == [("confirmed",)]
    assert balanced(owner, company)


@pytest.mark.parametrize("key", ["", "key-1"])
def test_who_cancels_while_the_payment_is_confirmed_is_not_told_that_it_is_cancelled(
    make, owner, company, monkeypatch, key
):
    app, cancelled = make(*HARDENED), saga.cancelled
    crashed(app, owner)

    def confirmed_meanwhile(db, booking_id):
        found = cancelled(db, booking_id)
        change(owner, f"UPDATE bookings SET status = 'confirmed', charge_id = 'ch_1' WHERE id = {booking_id}")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(saga, "cancelled", confirmed_meanwhile)
        assert ask(app, "DELETE", "/bookings/91/", key=key).status_code == 409
    assert bookings(owner) == [("confirmed",)]
    assert ask(app, "DELETE", "/bookings/91/", key=key).status_code == 204
    assert bookings(owner) == [("cancelled",)]


HTML = Response("<html>Service unavailable</html>", 200, {"Content-Type": "text/html"})
NO_ID = Response('{"reference": "intent-1"}', 201, {"Content-Type": "application/json"})
ODD_ID = Response('{"id": 7}', 201, {"Content-Type": "application/json"})
NUL_ID = Response('{"id": "ch_\\u0000"}', 201, {"Content-Type": "application/json"})
DEEP = Response("[" * 50_000, 201, {"Content-Type": "application/json"})
BAD_ANSWERS = {
    "declined": (payments.refusing(402), 402),
    "busy": (payments.refusing(429, Retry_After="70"), 503),
    "busy for ever": (payments.refusing(429, Retry_After="9" * 400), 503),
    "redirect": (payments.refusing(302, Location="/elsewhere"), 503),
    "failing": (payments.refusing(500), 503),
    "our own fault": (payments.refusing(422), 503),
    "charged and failing": (payments.charging_and_answering(Response("{}", 500)), 503),
    "a page of HTML": (payments.charging_and_answering(HTML), 503),
    "no id": (payments.charging_and_answering(NO_ID), 503),
    "an odd id": (payments.charging_and_answering(ODD_ID), 503),
    "an id with a NUL": (payments.charging_and_answering(NUL_ID), 503),
    "nested too deep": (payments.charging_and_answering(DEEP), 503),
    "cut off": (payments.cut_off, 503),
}


@pytest.mark.parametrize(("answers", "status"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_booking_that_payments_will_not_charge_is_undone_and_its_key_is_free(
    make, owner, company, answers, status
):
    app = make(*HARDENED)
    company.answers_charges = answers
    refused = ask(app, "POST", "/bookings/", SLOT, key="key-1")
    assert (refused.status_code, refused.json["effect"]) == (status, "none")
    assert (bookings(owner), taken(app)) == ([("cancelled",)], [])
    app.extensions["sweeper"].turn()
    assert company.kept_cents() == 0
    company.answers_charges = payments.honestly
    assert ask(app, "POST", "/bookings/", SLOT, key="key-1").json["status"] == "confirmed"
    assert balanced(owner, company)


@pytest.mark.parametrize("answers", [answers for answers, _ in BAD_ANSWERS.values()], ids=BAD_ANSWERS)
def test_without_the_saga_nothing_is_left_pending_but_the_money_may_be_gone(make, owner, company, answers):
    app = make("hardened", "all,-saga")
    company.answers_charges = answers
    assert ask(app, "POST", "/bookings/", SLOT).status_code >= 400
    assert bookings(owner) == []


def test_the_wait_that_busy_payments_ask_for_is_passed_on(make, company):
    app = make(*HARDENED)
    company.answers_charges = payments.refusing(429, Retry_After="70")
    assert int(ask(app, "POST", "/bookings/", SLOT).headers["Retry-After"]) >= 70


def test_a_room_is_free_again_when_payments_are_away(make, owner):
    app = make(*HARDENED, payments="http://127.0.0.1:9")
    away = ask(app, "POST", "/bookings/", SLOT)
    assert (away.status_code, away.json["effect"]) == (503, "none")
    assert taken(app) == []


def test_a_charge_that_comes_after_its_booking_was_undone_is_refused(make, owner, company, monkeypatch):
    app, late, go_on = make(*HARDENED), [], threading.Event()
    app.config["DEADLINE_S"] = 6.0  # it must be missed, …
    monkeypatch.setattr(saga, "SETTLING_S", 2.5)  # … with time enough before and after

    def too_late(do):
        go_on.wait(30)
        late.append(do().status_code)
        return Response("{}", 500)

    company.answers_charges = too_late
    undone = ask(app, "POST", "/bookings/", SLOT)
    assert (undone.status_code, undone.json["effect"]) == (503, "none")
    app.extensions["sweeper"].turn()
    go_on.set()
    eventually(lambda: len(late) == len(company.asked))
    assert set(late) == {409}
    assert company.charges() == []


def crashed(app, owner: str, key: str = "") -> None:
    """Begin a booking whose charge is made but whose confirmation is lost."""
    with dying_before(app, owner, "UPDATE bookings"):
        lost = ask(app, "POST", "/bookings/", SLOT, key=key)
    assert (lost.status_code, lost.json["effect"]) == (503, "unknown")
    assert bookings(owner) == [("pending",)]


def test_what_a_crash_left_pending_is_undone_and_paid_back(make, owner, company):
    app = make(*HARDENED)
    crashed(app, owner)
    app.extensions["sweeper"].turn()
    assert bookings(owner) == [("pending",)]  # somebody may still be paying
    long_ago(owner)
    app.extensions["sweeper"].turn()
    assert (bookings(owner), taken(app)) == ([("cancelled",)], [])
    assert (len(company.charges()), company.kept_cents()) == (1, 0)


def test_a_room_is_freed_while_payments_are_away_and_the_refund_follows(make, owner, company):
    app = make(*HARDENED)
    crashed(app, owner)
    long_ago(owner)
    app.config["PAYMENTS_URL"] = "http://127.0.0.1:9"
    with pytest.raises(Exception, match="refused"):
        app.extensions["sweeper"].turn()
    assert (bookings(owner), company.kept_cents()) == ([("cancelled",)], 1_650)
    app.config["PAYMENTS_URL"] = company.url
    app.extensions["sweeper"].turn()
    assert company.kept_cents() == 0
    assert app.extensions["sweeper"].turn() == 0


def test_two_sweepers_share_the_work(make, owner, company):
    app, ways = make(*HARDENED), threading.Barrier(2)
    for day in range(1, 9):
        slot = {"starts_at": f"2030-03-0{day}T10:00:00Z", "ends_at": f"2030-03-0{day}T11:00:00Z"}
        booking = ask(app, "POST", "/bookings/", SLOT | slot).json
        ask(app, "DELETE", f"/bookings/{booking['id']}/")
    other = type(app.extensions["sweeper"])(app, app.extensions["sweeper"]._jobs)

    def sweep(sweeper) -> int:
        ways.wait()
        return sweeper.turn()

    with ThreadPoolExecutor(2) as pool:
        shares = list(pool.map(sweep, (app.extensions["sweeper"], other)))
    other.close()
    assert sum(shares) == 8
    assert company.kept_cents() == 0


def test_a_refund_that_fails_does_not_hold_up_those_behind_it(make, owner, company):
    app = make(*HARDENED)
    for booking_id in (1, 2, 3):
        ask(app, "DELETE", f"/bookings/{booking_id}/")
    sweeper, asked = app.extensions["sweeper"], []

    def refund(booking):
        asked.append(booking["id"])
        if booking["id"] == 1:
            raise ConnectionError("refused")

    with app.app_context(), sweeper._engine.connect() as connection, pytest.raises(ConnectionError):
        saga.sweep(connection, refund)
    assert asked == [1, 2, 3]
    assert rows(owner, "SELECT booking_id FROM refunds_due") == [(1,)]


def test_a_crash_is_made_good_by_the_same_key_with_one_charge(make, owner, company):
    app = make(*HARDENED)
    crashed(app, owner, key="key-1")
    early = ask(app, "POST", "/bookings/", SLOT, key="key-1")
    assert (early.status_code, early.json["effect"]) == (409, "unknown")
    long_ago(owner)
    resumed = ask(app, "POST", "/bookings/", SLOT, key="key-1")
    assert (resumed.status_code, resumed.json["status"]) == (201, "confirmed")
    assert ask(app, "POST", "/bookings/", SLOT, key="key-1").json == resumed.json
    assert (len(company.charges()), len(bookings(owner))) == (1, 1)
    assert balanced(owner, company)


def test_payments_know_the_request_its_trace_and_how_long_the_answer_is_of_use(make, company):
    app = make(*HARDENED)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    app.test_client().post(
        "/bookings/",
        json=SLOT,
        headers=HEADERS | {"X-Request-Id": "request-1", "traceparent": trace},
    )
    (headers,) = company.asked
    assert (headers["X-Request-Id"], headers["Traceparent"]) == ("request-1", trace)
    assert 0 < float(headers["X-Deadline-S"]) <= http_retry.FIRST_TRY_S
    assert headers["Idempotency-Key"] == "booking-91"


def test_a_worker_that_is_killed_in_mid_payment_is_cleaned_up_after_by_the_next(serve, owner, company):
    asked, go_on = threading.Event(), threading.Event()

    def slowly(do):
        asked.set()
        go_on.wait(30)
        return do()

    company.answers_charges = slowly
    with serve(*HARDENED) as server, ThreadPoolExecutor(1) as pool:
        url = f"http://127.0.0.1:{server.port}/bookings/"
        paying = pool.submit(requests.post, url, json=SLOT, headers=HEADERS, timeout=30)
        assert asked.wait(30)
        os.kill(server.worker(), signal.SIGKILL)
        assert isinstance(paying.exception(), requests.ConnectionError)
        go_on.set()
        eventually(lambda: company.kept_cents() == 1_650)
        assert bookings(owner) == [("pending",)]
        long_ago(owner)
        eventually(lambda: company.kept_cents() == 0)
    assert bookings(owner) == [("cancelled",)]


@pytest.mark.parametrize("defences", [f"all,-{name}" for name in NAMES] + [f"none,+{name}" for name in NAMES])
def test_with_any_defence_off_or_alone_a_booking_is_paid_for_and_paid_back(make, owner, company, defences):
    app = make("hardened", defences)
    booking = ask(app, "POST", "/bookings/", SLOT, key="key-1")
    assert (booking.status_code, booking.json["status"]) == (201, "confirmed")
    assert balanced(owner, company)
    assert ask(app, "DELETE", f"/bookings/{booking.json['id']}/").status_code == 204
    app.extensions["sweeper"].turn()
    assert company.kept_cents() == 0
