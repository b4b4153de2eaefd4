"""Hostile requests to both twins and their database: hardened answers none with a 5xx; naive shows why that matters."""

import json

import pytest

from tests.twins import HARDENED, HEADERS, NAIVE, PROFILE, SLOT, UNDEFENDED, ask, rows

UNCHECKED = ("hardened", "all,-input_validation")
JUNIOR = (NAIVE, UNDEFENDED)

pytestmark = pytest.mark.timeout(120)

TRANSFER = {"from_wallet_id": 1, "to_wallet_id": 2, "amount_cents": 5, "reference": "t"}
LAST_DAY = {"starts_at": "9999-12-31T10:00:00Z", "ends_at": "9999-12-31T11:00:00Z"}
TOO_LATE = {"starts_at": "9999-12-31T22:00:00-12:00", "ends_at": "9999-12-31T23:00:00-12:00"}
ID_TOO_LARGE = "99999999999999999999"

# Method, path, body, hardened, naive.
HOSTILE = {
    "a slot in the year 9999": ("POST", "/bookings/", SLOT | LAST_DAY, 422, 201),
    "a slot that ends after the year 9999": ("POST", "/bookings/", SLOT | TOO_LATE, 422, 500),
    "a user beyond 32 bits": ("POST", "/bookings/", SLOT | {"user_id": 2**31}, 422, 500),
    "a NUL in a reference": ("POST", "/bookings/", SLOT | {"reference": "a\0b"}, 422, 500),
    "half a surrogate pair": ("POST", "/bookings/", SLOT | {"reference": "\ud800"}, 400, 500),
    "a reference that is an object": ("POST", "/bookings/", SLOT | {"reference": {}}, 422, 500),
    "JSON nested 100,000 deep": ("POST", "/transfers/", "[" * 100_000 + "]" * 100_000, 413, 500),
    "JSON nested 8,000 deep": ("POST", "/transfers/", "[" * 8_000 + "]" * 8_000, 400, 500),
    "an amount beyond 32 bits": ("POST", "/transfers/", TRANSFER | {"amount_cents": 2**31}, 422, 409),
    "an infinite amount": ("POST", "/transfers/", TRANSFER | {"amount_cents": float("inf")}, 422, 500),
    "a wallet beyond 32 bits": ("POST", "/transfers/", TRANSFER | {"to_wallet_id": 10**20}, 422, 500),
    "a NUL in a name": ("PUT", "/users/1/profile/", PROFILE | {"display_name": "\0"}, 422, 500),
    "a profile of nobody's": ("PUT", f"/users/{ID_TOO_LARGE}/profile/", PROFILE, 404, 500),
    "a booking beyond 32 bits": ("GET", f"/bookings/{ID_TOO_LARGE}/", None, 404, 500),
    "cancelling one": ("DELETE", f"/bookings/{ID_TOO_LARGE}/", None, 404, 500),
    "the bookings of a user beyond 32 bits": ("GET", f"/users/{ID_TOO_LARGE}/bookings/", None, 404, 500),
    "a hold beyond 32 bits": ("GET", f"/holds/{ID_TOO_LARGE}/", None, 404, 404),
    "a room beyond 32 bits": ("GET", f"/rooms/{ID_TOO_LARGE}/availability/?date=2030-01-01", None, 404, 500),
    "the last day of all": ("GET", "/rooms/1/availability/?date=9999-12-31", None, 422, 500),
    "a NUL in a search": ("GET", "/rooms/?q=%00", None, 422, 500),
    "a search for what is no text": ("GET", "/rooms/?q=%FF%ED%A0%80", None, 200, 200),
    "a search for a pattern": ("GET", "/rooms/?q=%25_%5C'", None, 200, 200),
    "a page of none": ("GET", "/users/?limit=0", None, 422, 500),
    "a page of less than none": ("GET", "/users/?limit=-1", None, 422, 500),
    "a page after all": ("GET", f"/users/?after={ID_TOO_LARGE}", None, 422, 500),
    "a number in other digits": ("GET", "/bookings/%D9%A1/", None, 200, 200),
    "no route": ("GET", "/nowhere/", None, 404, 404),
    "another method": ("PATCH", "/bookings/1/", None, 405, 405),
    "an invented method": ("INVENTED", "/bookings/1/", None, 405, 405),
    "only the head": ("HEAD", "/bookings/1/", None, 200, 200),
    "what is allowed": ("OPTIONS", "/bookings/1/", None, 200, 200),
}


def send(app, method: str, path: str, body) -> int:
    data = body if isinstance(body, str) else json.dumps(body)
    sent = {} if body is None else {"data": data, "content_type": "application/json"}
    return app.test_client().open(path, method=method, headers=HEADERS, **sent).status_code


def test_no_hostile_request_gets_a_5xx_from_hardened(make):
    app = make(*HARDENED)
    found = {name: send(app, *request) for name, (*request, _, _) in HOSTILE.items()}
    assert found == {name: status for name, (*_, status, _) in HOSTILE.items()}


@pytest.mark.parametrize("twin", JUNIOR)
def test_what_hostile_requests_do_to_naive(make, twin):
    app = make(*twin)
    found = {name: send(app, *request) for name, (*request, _, _) in HOSTILE.items()}
    assert found == {name: status for name, (*_, status) in HOSTILE.items()}


def test_without_its_check_at_the_door_hardened_answers_5xx_too(make):
    app = make(*UNCHECKED)
    served = [send(app, *request) for *request, _, naive in HOSTILE.values() if naive == 500]
    assert all(status >= 500 for status in served)


ODD_HEADERS = {
    "X-Request-Id": ["", "\x01", "x" * 5_000, "'; --"],
    "traceparent": ["", "00-0-0-0", "\xff"],
    "X-Deadline-S": ["", "x", "nan", "-inf", "1e999", "0x10", "\xff"],
    "If-Match": [
        "",
        '""',
        "x",
        '"x"',
        'W/"1"',
        "*",
        '"1',
        '"9999999999999999999999"',
        ",,,",
        '"\xff"',
        "W/",
        '"\u0661"',
    ],
    "Idempotency-Key": ["", " ", "\x01", "x" * 129, "\xff", "é", "'; --"],
    "Accept": ["", "x", "*/*;q=x", "text/html"],
    "Content-Type": ["", "\xff", "application/json; charset=nonsense", "application/json; charset"],
    "Content-Encoding": ["gzip"],
    "Cookie": ["\xff=\x01", "x" * 5_000],
    "Host": ["", "\xff", "a b", "[::1", "x" * 5_000, "evil:port"],
    "Range": ["bytes=x-", "bytes=-1"],
    "X-Forwarded-For": ["\xff", "x" * 5_000],
    "Authorization": ["", "Bearer", "Basic \xff", "Bearer \xff.\xff", "x" * 5_000],
}


@pytest.mark.parametrize("name", ODD_HEADERS)
def test_no_odd_header_gets_a_5xx_but_an_honest_503_from_hardened(make, name):
    app = make(*HARDENED)
    for value in ODD_HEADERS[name]:
        for method, path, body in (("PUT", "/users/1/profile/", PROFILE), ("GET", "/bookings", None)):
            headers = HEADERS | {name: value.encode().decode("latin-1")}
            answer = app.test_client().open(path, method=method, json=body, headers=headers)
            assert answer.status_code < 500 or (answer.status_code == 503 and "effect" in answer.json), value


@pytest.mark.parametrize(("twin", "broken"), [(NAIVE, True), (UNDEFENDED, True), (HARDENED, False)])
def test_one_instant_that_python_cannot_read_breaks_every_list_that_shows_it(make, owner, twin, broken):
    app = make(*twin)
    ask(app, "POST", "/bookings/", SLOT | TOO_LATE)
    stored = rows(owner, "SELECT count(*) FROM bookings WHERE ends_at >= '10000-01-01'") == [(1,)]
    assert (stored, ask(app, "GET", "/users/1/bookings/").status_code >= 500) == (broken, broken)


@pytest.mark.parametrize("twin", [NAIVE, HARDENED])
def test_text_that_looks_dangerous_is_stored_and_shown_as_it_is(make, twin):
    app = make(*twin)
    for text in ("'; DROP TABLE users; --", "%s %(x)s :x", "<script>", "🎸", "\u202e", "a\nb"):
        profile = PROFILE | {"display_name": text, "reference": text}
        assert ask(app, "PUT", "/users/1/profile/", profile).json["display_name"] == text
