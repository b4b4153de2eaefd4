"""The payments company, as its callers may rely on it."""

import pytest

from services.common.auth import token
from services.dependencies import payments
from tests.twins import HEADERS, KEY

WANTED = {"reference": "r1", "amount_cents": 500}


@pytest.fixture
def company(tmp_path, monkeypatch):
    """Makes a client of the company, whose books are in one file, however often it starts."""
    monkeypatch.setenv("TOKEN_KEY", KEY)
    monkeypatch.setenv("PAYMENTS_FILE", str(tmp_path / "payments.sqlite"))
    return lambda: payments.create_app().test_client()


def post(client, path, body, key=""):
    return client.post(path, json=body, headers=HEADERS | ({"Idempotency-Key": key} if key else {}))


def listed(client) -> list[dict]:
    return client.get("/charges", headers=HEADERS).json["items"]


def charges(client) -> list[tuple]:
    items = listed(client)
    return [(item["reference"], item["amount_cents"], item["refunded_cents"]) for item in items]


def test_one_key_is_one_charge_also_after_a_restart(company):
    before = post(company(), "/charges", WANTED, "k1")
    after = company()
    again = post(after, "/charges", WANTED, "k1")
    assert (before.status_code, again.status_code, again.json) == (201, 201, before.json)
    assert charges(after) == [("r1", 500, 0)]


def test_without_a_key_each_request_is_a_charge(company):
    client = company()
    assert [post(client, "/charges", WANTED).json["id"] for _ in range(2)] == ["ch_1", "ch_2"]


@pytest.mark.parametrize("other", [{"amount_cents": 501}, {"reference": "r2"}])
def test_a_key_with_another_body_is_refused(company, other):
    client = company()
    post(client, "/charges", WANTED, "k1")
    assert post(client, "/charges", WANTED | other, "k1").status_code == 422
    assert charges(client) == [("r1", 500, 0)]


def test_a_refund_is_made_once_per_key_and_never_beyond_the_charge(company):
    client = company()
    refunds = f"/charges/{post(client, '/charges', WANTED).json['id']}/refunds"
    first = post(client, refunds, {"amount_cents": 300}, "k2")
    assert (first.status_code, post(client, refunds, {"amount_cents": 300}, "k2").json) == (201, first.json)
    assert post(client, refunds, {"amount_cents": 201}, "k3").status_code == 409
    assert post(client, refunds, {"amount_cents": 300}, "k3").status_code == 409
    assert charges(client) == [("r1", 500, 300)]
    assert post(client, refunds, {"amount_cents": 200}).status_code == 201
    assert post(client, "/charges/ch_9/refunds", {"amount_cents": 1}).status_code == 404
    assert post(client, "/charges/nonsense/refunds", {"amount_cents": 1}).status_code == 404


def test_a_void_gives_back_what_is_left_of_the_charge_once(company):
    client = company()
    made = post(client, "/charges", WANTED, "k1").json
    post(client, f"/charges/{made['id']}/refunds", {"amount_cents": 100})
    for _ in range(2):
        voided = post(client, "/voids", {"idempotency_key": "k1"})
        assert (voided.status_code, voided.json["charge_id"]) == (200, made["id"])
    assert charges(client) == [("r1", 500, 500)]


def test_a_charge_that_comes_after_its_void_is_refused(company):
    assert post(company(), "/voids", {"idempotency_key": "k1"}).json["charge_id"] is None
    client = company()
    assert post(client, "/charges", WANTED, "k1").status_code == 409
    assert charges(client) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "x",
        {"reference": 1, "amount_cents": 1},
        WANTED | {"reference": "\ud800"},
        WANTED | {"more": 1},
        WANTED | {"amount_cents": 0},
    ],
)
def test_a_body_that_is_no_charge_is_refused(company, body):
    client = company()
    assert post(client, "/charges", body).status_code == 422
    assert charges(client) == []


def test_a_refusal_under_a_key_leaves_the_key_free(company):
    client = company()
    assert post(client, "/charges", WANTED | {"amount_cents": 0}, "k1").status_code == 422
    assert post(client, "/charges", WANTED, "k1").status_code == 201


def test_a_charge_can_be_traced_to_the_request_that_caused_it(company):
    client = company()
    client.post("/charges", json=WANTED, headers=HEADERS | {"X-Request-Id": "request-1"})
    assert listed(client)[0]["request_id"] == "request-1"


GUARDED = {
    "charge": ("POST", "/charges", WANTED),
    "refund": ("POST", "/charges/ch_1/refunds", {"amount_cents": 500}),
    "void": ("POST", "/voids", {"idempotency_key": "k1"}),
    "list": ("GET", "/charges", None),
    "nothing that there is": ("GET", "/elsewhere", None),
}


@pytest.mark.parametrize("request_", GUARDED.values(), ids=GUARDED)
@pytest.mark.parametrize(
    ("bearer", "status"),
    [
        ("", 401),
        (f"Bearer {token('another key', operator=True)}", 401),
        (f"Bearer {token(KEY, user_id=1)}", 403),
    ],
    ids=["no token", "a forged token", "a customer's token"],
)
def test_money_is_moved_and_shown_for_an_operators_token_alone(company, request_, bearer, status):
    client = company()
    post(client, "/charges", WANTED, "k1")
    method, path, body = request_
    answer = client.open(
        path, method=method, json=body, headers={"Authorization": bearer, "Idempotency-Key": "k2"}
    )
    assert (answer.status_code, answer.json["status"]) == (status, status)
    assert answer.content_type == "application/problem+json"
    assert charges(client) == [("r1", 500, 0)]


def test_whoever_probes_needs_no_token(company):
    answer = company().get("/healthz?bytes=3")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "padding": "xxx"})


def test_a_refusal_is_a_problem_document(company):
    refused = post(company(), "/charges", {})
    assert refused.content_type == "application/problem+json"
    assert (refused.json["status"], refused.json["detail"]) == (422, "send reference, amount_cents")
