"""Keys: one Idempotency-Key is one effect and one answer, on every route that writes, on a real PostgreSQL."""

import pytest
import sqlalchemy as sa

from services.common import auth
from services.defences import idempotency, transaction_retry
from tests.twins import HARDENED, HEADERS, KEY, PROFILE, SLOT, ask, change, dying_before, rows

pytestmark = pytest.mark.timeout(60)

TRANSFER = {"from_wallet_id": 1, "to_wallet_id": 2, "amount_cents": 10, "reference": "intent-1"}
WRITES = {
    "transfer": ("POST", "/transfers/", TRANSFER, "SELECT count(*) FROM transfers"),
    "hold": ("POST", "/holds/", SLOT, "SELECT count(*) FROM holds"),
    "booking": ("POST", "/bookings/", SLOT, "SELECT count(*) FROM bookings WHERE id > 90"),
    "profile": ("PUT", "/users/1/profile/", PROFILE, "SELECT count(*) - 1 FROM audit WHERE user_id = 1"),
    "cancellation": ("DELETE", "/bookings/1/", None, "SELECT count(*) FROM refunds_due"),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


@each_write
def test_the_same_key_has_its_effect_once_and_the_same_answer_every_time(make, owner, write):
    method, path, body, count = write
    app = make(*HARDENED)
    answers = [ask(app, method, path, body, key="key-1") for _ in range(3)]
    assert {answer.status_code for answer in answers} <= {200, 201, 204}
    assert len({answer.data for answer in answers}) == 1
    assert rows(owner, count) == [(1,)]


def post(app, text: str, path: str = "/transfers/", key: str = "key-1", **headers: str):
    sent = HEADERS | {"Idempotency-Key": key, "Content-Type": "application/json"} | headers
    return app.test_client().post(path, data=text.encode(), headers=sent)


@pytest.mark.parametrize(
    "text",
    [
        '{"reference":"intent-1","amount_cents":10,"to_wallet_id":2,"from_wallet_id":1}',
        '{ "from_wallet_id" : 1,\n\t"to_wallet_id" : 2, "amount_cents" : 10, "reference" : "intent-1" }\n',
        '{"from_wallet_id":1,"to_wallet_id":2,"amount_cents":10,"reference":"\\u0069ntent-1"}',
        '{"from_wallet_id":7,"from_wallet_id":1,"to_wallet_id":2,"amount_cents":10,"reference":"intent-1"}',
    ],
    ids=["order of members", "blanks", "escapes", "a member twice"],
)
def test_the_same_meaning_in_other_bytes_is_the_same_request(make, owner, text):
    app = make(*HARDENED)
    first = ask(app, "POST", "/transfers/", TRANSFER, key="key-1")
    again = post(app, text)
    assert (again.status_code, again.json) == (201, first.json)
    assert rows(owner, "SELECT count(*) FROM transfers") == [(1,)]


def test_an_instant_with_another_offset_is_the_same_instant(make, owner):
    app = make(*HARDENED)
    first = ask(app, "POST", "/holds/", SLOT, key="key-1")
    elsewhere = SLOT | {"starts_at": "2030-01-01T12:00:00+02:00"}
    assert ask(app, "POST", "/holds/", elsewhere, key="key-1").json == first.json


@pytest.mark.parametrize("change", [{"amount_cents": 11}, {"reference": "intent-2"}, {"to_wallet_id": 3}])
def test_another_meaning_under_the_key_is_refused(make, owner, change):
    app = make(*HARDENED)
    ask(app, "POST", "/transfers/", TRANSFER, key="key-1")
    refused = ask(app, "POST", "/transfers/", TRANSFER | change, key="key-1")
    assert refused.status_code == 422
    assert "Idempotency-Key" in refused.json["detail"]
    assert rows(owner, "SELECT count(*) FROM transfers") == [(1,)]


def test_one_key_on_two_routes_is_two_keys_and_on_two_resources_of_one_route_refused(make):
    app = make(*HARDENED)
    assert ask(app, "POST", "/holds/", SLOT, key="key-1").status_code == 201
    assert ask(app, "POST", "/bookings/", SLOT, key="key-1").status_code == 201
    assert ask(app, "PUT", "/users/1/profile/", PROFILE, key="key-1").status_code == 200
    assert ask(app, "PUT", "/users/2/profile/", PROFILE, key="key-1").status_code == 422


def test_booked_cancelled_and_asked_again_gives_the_answer_of_then(make, owner):
    app = make(*HARDENED)
    first = ask(app, "POST", "/bookings/", SLOT, key="key-1")
    ask(app, "DELETE", f"/bookings/{first.json['id']}/")
    again = ask(app, "POST", "/bookings/", SLOT, key="key-1")
    assert (again.status_code, again.json) == (201, first.json)
    assert rows(owner, "SELECT status FROM bookings WHERE id > 90") == [("cancelled",)]


def test_a_refusal_leaves_the_key_free(make, owner):
    app = make(*HARDENED)
    ask(app, "POST", "/bookings/", SLOT)
    assert ask(app, "POST", "/bookings/", SLOT, key="key-1").status_code == 409
    ask(app, "DELETE", "/bookings/91/")
    assert ask(app, "POST", "/bookings/", SLOT, key="key-1").status_code == 201


@each_write
def test_a_key_that_is_in_use_is_refused_at_once_and_its_effect_is_not_known(make, owner, write):
    method, path, body, count = write
    app = make(*HARDENED)
    elsewhere = sa.create_engine(app.config["DATABASE_URL"], poolclass=sa.NullPool)
    with elsewhere.connect() as other:  # a transaction that has claimed the key and goes on
        claim = {"caller": "operator", "key": "key-1", "fingerprint": "", "lifetime": idempotency.LIFETIME}
        route = f"{method} {app.url_map.bind('').match(path, method, return_rule=True)[0].rule}"
        other.execute(idempotency.CLAIM, claim | {"route": route})
        refused = ask(app, method, path, body, key="key-1")
        assert (refused.status_code, refused.json["effect"]) == (409, "unknown")
        assert "Retry-After" in refused.headers
        other.rollback()
    assert rows(owner, count) == [(0,)]
    assert ask(app, method, path, body, key="key-1").status_code < 300


ODD = ["!", "~" * 128, "';DROP/**/TABLE/**/idempotency;--", "%s", ":key", "\\", '"', "{}"]


@pytest.mark.parametrize("key", ODD)
def test_odd_but_legal_keys_work(make, owner, key):
    app = make(*HARDENED)
    answers = [
        post(app, '{"from_wallet_id":1,"to_wallet_id":2,"amount_cents":10,"reference":"x"}', key=key)
        for _ in "12"
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert rows(owner, "SELECT count(*) FROM transfers") == [(1,)]


@pytest.mark.parametrize("key", ["", "x" * 129, "a b", "ä"])
def test_keys_that_the_contract_does_not_allow_are_refused(make, owner, key):
    app = make(*HARDENED)
    body = '{"from_wallet_id":1,"to_wallet_id":2,"amount_cents":10,"reference":"x"}'
    assert post(app, body, key=key).status_code == 422
    assert rows(owner, "SELECT count(*) FROM transfers") == [(0,)]


def test_a_key_is_new_again_after_its_lifetime_and_the_sweeper_forgets_it(make, owner):
    app = make(*HARDENED)
    first = ask(app, "POST", "/transfers/", TRANSFER, key="key-1")
    change(owner, "UPDATE idempotency SET created_at = now() - interval '24 hours 1 second'")
    again = ask(app, "POST", "/transfers/", TRANSFER | {"amount_cents": 11}, key="key-1")
    assert (again.status_code, again.json["id"]) == (201, first.json["id"] + 1)
    assert app.extensions["sweeper"].turn() == 0  # claimed anew, it lives anew
    change(owner, "UPDATE idempotency SET created_at = now() - interval '24 hours 1 second'")
    assert app.extensions["sweeper"].turn() == 1
    assert rows(owner, "SELECT count(*) FROM idempotency") == [(0,)]


def test_a_refund_that_keeps_failing_does_not_keep_the_sweeper_from_forgetting_keys(make, owner):
    app = make(*HARDENED)
    assert ask(app, "DELETE", "/bookings/1/", key="key-1").status_code == 204
    change(owner, "UPDATE idempotency SET created_at = now() - interval '25 hours'")
    app.config["PAYMENTS_URL"] = "http://127.0.0.1:9"
    with pytest.raises(Exception, match="refused"):
        app.extensions["sweeper"].turn()
    assert rows(owner, "SELECT count(*) FROM refunds_due") == [(1,)]
    assert rows(owner, "SELECT count(*) FROM idempotency") == [(0,)]


def lost_database(app, owner: str) -> None:
    change(owner, "ALTER ROLE app NOLOGIN")
    change(owner, "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE usename = 'app'")


@pytest.mark.parametrize(
    ("headers", "effect"),
    [
        ({}, "none"),
        ({"Idempotency-Key": "key-1"}, "unknown"),
        ({"Idempotency-Key": "key-1", "X-Retry-Count": "0"}, "none"),
        ({"Idempotency-Key": "key-1", "X-Retry-Count": "1"}, "unknown"),
    ],
    ids=["no key", "a key, and nobody has looked", "a first try", "a second try"],
)
def test_under_a_key_the_effect_is_that_of_all_tries(make, owner, headers, effect):
    app = make(*HARDENED)
    if headers:
        assert ask(app, "POST", "/transfers/", TRANSFER, key="key-1").status_code == 201
    lost_database(app, owner)
    answer = app.test_client().post("/transfers/", json=TRANSFER, headers=HEADERS | headers)
    assert (answer.status_code, answer.json["effect"]) == (503, effect)


def test_what_fails_after_the_key_was_found_free_had_no_effect(make, owner, monkeypatch):
    monkeypatch.setattr(transaction_retry, "ATTEMPTS_MAX", 1)  # a second may find no time to look again
    app = make(*HARDENED)
    with dying_before(app, owner, "INSERT INTO transfers"):
        answer = ask(app, "POST", "/transfers/", TRANSFER, key="key-1")
    assert (answer.status_code, answer.json["effect"]) == (503, "none")


def test_a_key_is_its_callers_own(make, owner):
    app = make(*HARDENED)
    answers = []
    for user_id in (1, 2):
        caller = {"Authorization": f"Bearer {auth.token(KEY, user_id=user_id)}", "Idempotency-Key": "key-1"}
        slot = SLOT | {"user_id": user_id, "room_id": user_id}
        answers.append(app.test_client().post("/holds/", json=slot, headers=HEADERS | caller))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert rows(owner, "SELECT count(*) FROM holds") == [(2,)]
