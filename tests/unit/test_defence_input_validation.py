"""Hostile requests at the door. The naive column is the story: what a capable junior's reading lets in, or dies of."""

import io
import json

import pytest
from flask import Flask

from services.common import metrics, problems
from services.defences import deadline, honest_errors, input_validation, switch
from services.hardened import inputs
from services.hardened.app import WITHOUT

SLOT = {
    "user_id": 1,
    "room_id": 1,
    "starts_at": "2030-01-01T10:00:00Z",
    "ends_at": "2030-01-01T11:00:00Z",
    "reference": "intent-1",
}
TRANSFER = {"from_wallet_id": 1, "to_wallet_id": 2, "amount_cents": 5, "reference": "t"}
JSON = "application/json"


def door(defences: str) -> Flask:
    """An app that answers with what it has read."""
    app = Flask("door")
    app.config["DEFENCES"] = defences
    switch.init_app(app, WITHOUT)
    problems.init_app(app, honest_errors.members)
    metrics.init_app(app)
    deadline.init_app(app)
    input_validation.init_app(app)
    for path, read in (("slot", inputs.slot), ("transfer", inputs.transfer), ("profile", inputs.profile)):
        app.add_url_rule(f"/{path}", path, lambda read=read: told(read()), methods=["POST"])
    for path, read in (("page", inputs.page), ("search", inputs.search), ("day", inputs.day)):
        app.add_url_rule(f"/{path}", path, lambda read=read: told(read()))
    app.add_url_rule("/things/<int:value>/", "thing", told)
    return app


def told(value):
    return json.dumps(value, default=str), {"Content-Type": JSON}


@pytest.fixture(scope="module")
def hardened():
    return door("all").test_client()


@pytest.fixture(scope="module")
def naive():
    return door("all,-input_validation").test_client()


def test_what_is_right_is_read_alike(hardened, naive):
    for client in (hardened, naive):
        read = client.post("/slot", json=SLOT | {"starts_at": "2030-01-01T11:30:00+02:00"})
        assert (read.status_code, read.json["user_id"], read.json["reference"]) == (200, 1, "intent-1")
        assert client.post("/transfer", json=TRANSFER).json == TRANSFER
        assert client.get("/page?limit=5&after=7").json == {"include": None, "limit": 5, "after": 7}
        assert client.get("/search?q=Studio%201").json == "Studio 1"
        assert client.get("/day?date=2030-01-01").status_code == 200
        assert client.get("/things/7/").json == 7


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE users; --", "🎸🎹", "\u202e\u0000"[:1], " ", "a\nb", "\ufffe", "x" * 64]
)
def test_odd_but_legal_text_passes(hardened, text):
    assert hardened.post("/slot", json=SLOT | {"reference": text}).json["reference"] == text


# What, hardened, naive.
BODIES = {
    "nested 100,000 deep": ("[" * 100_000 + "]" * 100_000, 413, 500),
    "nested as deep as fits": ("[" * 8_000 + "]" * 8_000, 400, 500),
    "objects nested as deep as fits": ('{"a":' * 2_500 + "1" + "}" * 2_500, 400, 500),
    "not JSON": ("{", 400, 400),
    "nothing": ("", 400, 400),
    "no UTF-8": (b'{"user_id": "\xff"}', 400, 400),
    "UTF-16": ("{}".encode("utf-16"), 400, 422),
    "half a surrogate pair": ('{"user_id": "\\ud800"}', 400, 422),
    "a number of 5,000 digits": ('{"user_id": %s}' % ("9" * 5_000), 400, 400),
    "a list": ("[]", 422, 422),
    "null": ("null", 422, 422),
    "a number": ("7", 422, 422),
    "a text": ('"text"', 422, 422),
    "one member twice, of two types": ('{"user_id": 1, "user_id": []}', 422, 422),
    "a name with a NUL": ('{"\\u0000": 1}', 422, 422),
    "17 KiB of blanks": (" " * 17 * 1024 + "{}", 413, 422),
}  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize(("body", "hardened_status", "naive_status"), BODIES.values(), ids=BODIES)
def test_a_body_that_is_not_what_it_should_be(hardened, naive, body, hardened_status, naive_status):
    assert hardened.post("/slot", data=body, content_type=JSON).status_code == hardened_status
    assert naive.post("/slot", data=body, content_type=JSON).status_code == naive_status


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "json", "\xff/\xfe"]
)
def test_a_body_that_is_not_said_to_be_json_is_415(hardened, naive, content_type):
    for client in (hardened, naive):
        assert client.post("/slot", data="{}", content_type=content_type).status_code == 415


FIELDS = [
    *[("user_id", value, 422, naive) for value, naive in (
        (None, 422), (0, 200), (-1, 200), (2**31, 200), (10**25, 200), (1.5, 200), (True, 200), ("1", 200),
        ([1], 422), ({}, 422), ("x", 422), (float("nan"), 422),
    )],
    ("user_id", float("inf"), 422, 500),  # Python's reader takes what JSON has not, and int() of it is an OverflowError
    *[("starts_at", value, 422, naive) for value, naive in (
        (None, 422), (7, 422), ("", 422), ("2030-01-01", 422), ("2030-01-01T10:00:00", 422), ("1893456000", 422),
        ("2030-02-30T10:00:00Z", 422), ("\uff12030-01-01T10:00:00Z", 422), ("2030-01-01T10:00:00Z" + "0" * 999, 422),
    )],
    *[("reference", value, 422, 200) for value in ("", "x" * 65, 7, None, [], "a\0b")],
    ("reference", "\ud800", 400, 200),
    ("surprise", 1, 422, 200),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "hardened_status", "naive_status"), FIELDS)
def test_a_field_that_is_wrong(hardened, naive, field, value, hardened_status, naive_status):
    answer = hardened.post("/slot", json=SLOT | {field: value})
    assert answer.status_code == hardened_status
    assert answer.status_code == 400 or answer.json["detail"].startswith(f"{field}: ")
    assert len(answer.json["detail"]) <= 200
    assert naive.post("/slot", json=SLOT | {field: value}).status_code == naive_status


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "naive_status"),
    [
        ("2030-01-01T11:00:00Z", "2030-01-01T11:00:00Z", 422),
        ("2030-01-01T12:00:00Z", "2030-01-01T11:00:00Z", 422),
        ("2030-01-01T10:00:00Z", "2030-01-02T10:00:01Z", 422),
        ("9999-12-31T10:00:00Z", "9999-12-31T11:00:00Z", 200),
        ("9999-12-31T22:00:00-12:00", "9999-12-31T23:59:59-12:00", 200),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T01:00:00+14:00", 200),
        ("1999-12-31T23:59:59Z", "2000-01-01T00:10:00Z", 200),
        ("2199-12-31T23:59:59Z", "2200-01-01T00:00:00Z", 200),
    ],
)
def test_a_slot_at_the_end_of_time(hardened, naive, starts_at, ends_at, naive_status):
    slot = SLOT | {"starts_at": starts_at, "ends_at": ends_at}
    assert hardened.post("/slot", json=slot).status_code == 422
    assert naive.post("/slot", json=slot).status_code == naive_status


QUERIES = [
    *[(f"/page?limit={value}", 422, naive) for value, naive in (
        ("0", 200), ("-1", 200), ("101", 200), ("x", 200), ("", 200), ("1_0", 200), ("%2010", 200), ("1e1", 200),
        ("%D9%A1", 200), ("9" * 3_000, 200), ("%00", 200), ("%FF", 200), ("1%261", 200),
    )],
    *[(f"/page?after={value}", 422, 200) for value in ("-1", "2147483648", "99999999999999999999", "null")],
    ("/page?include=everything", 422, 200),
    ("/page?limit=5&limit=x&&=&%FF=1&surprise=1", 200, 200),
    ("/search?q=" + "x" * 81, 422, 200),
    ("/search?q=a%00b", 422, 200),
    ("/search?q=%FF%FE%ED%A0%80", 200, 200),
    ("/search?q=%", 200, 200),
    ("/search", 200, 200),
    *[(f"/day?date={value}", 422, naive) for value, naive in (
        ("", 422), ("x", 422), ("20300101", 200), ("2030-W01-2", 200), ("1893456000", 422), ("2030-13-01", 422),
        ("9999-12-31", 200), ("0001-01-01", 200), ("1999-12-31", 200), ("2200-01-01", 200), ("2030-01-01%00", 422),
    )],
    ("/day", 422, 422),
]  # fmt: skip


@pytest.mark.parametrize(("path", "hardened_status", "naive_status"), QUERIES)
def test_an_odd_query(hardened, naive, path, hardened_status, naive_status):
    assert hardened.get(path).status_code == hardened_status
    assert naive.get(path).status_code == naive_status


@pytest.mark.parametrize("number", ["0", "2147483648", "99999999999999999999", "9" * 3_000])
def test_a_number_in_the_path_that_no_row_can_have_is_404(hardened, naive, number):
    assert hardened.get(f"/things/{number}/").status_code == 404
    assert naive.get(f"/things/{number}/").status_code == 200


def test_a_large_body_is_refused_before_it_is_read(hardened):
    class Body(io.RawIOBase):
        read_bytes = 0

        def readinto(self, buffer):
            Body.read_bytes += len(buffer)
            return len(buffer)

    for length in (
        {"CONTENT_LENGTH": "80000000"},
        {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"},
    ):
        environ = {"wsgi.input": Body(), "wsgi.input_terminated": True, **length}
        answer = hardened.post("/slot", content_type=JSON, environ_overrides=environ)
        assert answer.status_code == 413
        assert Body.read_bytes <= 2 * input_validation.BODY_BYTES_MAX


def test_the_longest_body_of_the_contract_fits(hardened):
    letters = "\N{GRINNING FACE}"  # twelve bytes, as JSON escapes it
    profile = {"display_name": letters * 80, "bio": letters * 1_000, "reference": letters * 64}
    assert hardened.post("/profile", json=profile).status_code == 200
