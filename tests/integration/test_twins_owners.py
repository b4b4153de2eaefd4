"""Who may do what: hardened lets users touch only what is theirs, operators everything; naive accepts any token."""

import pytest

from services.common.auth import token
from tests.twins import HARDENED, KEY, NAIVE, PROFILE, SLOT, UNDEFENDED, ask, rows

UNOWNED = ("hardened", "all,-owner_checks")

pytestmark = pytest.mark.timeout(60)

# Method, path and body of what belongs to user 1 (wallet and booking 1 are theirs), and what it does.
THEIRS = {
    "book": ("POST", "/bookings/", SLOT, 201),
    "look at a booking": ("GET", "/bookings/1/", None, 200),
    "list bookings": ("GET", "/users/1/bookings/", None, 200),
    "read a profile": ("GET", "/users/1/profile/", None, 200),
    "write a profile": ("PUT", "/users/1/profile/", PROFILE, 200),
    "give money": (
        "POST",
        "/transfers/",
        {"from_wallet_id": 1, "to_wallet_id": 2, "amount_cents": 5, "reference": "t"},
        201,
    ),
    "hold": ("POST", "/holds/", SLOT, 201),
    "look at a hold": ("GET", "/holds/1/", None, 200),
    "cancel": ("DELETE", "/bookings/1/", None, 204),
}
OPERATORS = {"/users/": 200, "/reports/utilisation/": 200}
EVERYBODYS = ("/rooms/?q=1", "/rooms/1/availability/?date=2025-01-01")


def bearer(**caller) -> str:
    return f"Bearer {token(KEY, **caller)}"


def statuses(app, requests: dict, authorization: str) -> dict[str, int]:
    return {
        name: ask(app, method, path, body, Authorization=authorization).status_code
        for name, (method, path, body, _) in requests.items()
    }


@pytest.mark.parametrize("caller", [{"user_id": 1}, {"operator": True}])
def test_users_do_what_they_want_with_their_own_and_operators_with_all(make, caller):
    app = make(*HARDENED)
    assert statuses(app, THEIRS, bearer(**caller)) == {name: status for name, (*_, status) in THEIRS.items()}


def test_nobody_reads_or_changes_what_belongs_to_another(make, owner):
    app = make(*HARDENED)
    ask(app, "POST", "/holds/", SLOT)
    assert set(statuses(app, THEIRS, bearer(user_id=2)).values()) == {403}
    refused = ask(app, "DELETE", "/bookings/1/", Authorization=bearer(user_id=2))
    assert refused.json["reason"] == "not_yours"
    assert rows(owner, "SELECT status FROM bookings WHERE id = 1 OR id > 90") == [("confirmed",)]
    assert rows(owner, "SELECT DISTINCT balance_cents FROM wallets") == [(100_000,)]
    assert rows(owner, "SELECT version FROM profiles WHERE user_id = 1") == [(1,)]


@pytest.mark.parametrize("twin", [NAIVE, UNDEFENDED, UNOWNED])
def test_without_owner_checks_anybody_cancels_anything(make, twin):
    app = make(*twin)
    expected = {name: status for name, (*_, status) in THEIRS.items()}
    assert statuses(app, THEIRS, bearer(user_id=2)) == expected


def test_what_shows_everybody_is_for_operators_and_what_is_nobody_s_for_all(make):
    app = make(*HARDENED)
    for path, status in OPERATORS.items():
        assert ask(app, "GET", path, Authorization=bearer(user_id=1)).status_code == 403
        assert ask(app, "GET", path).status_code == status
    for path in EVERYBODYS:
        assert ask(app, "GET", path, Authorization=bearer(user_id=1)).status_code == 200


def test_a_key_belongs_to_the_one_who_uses_it(make):
    app = make(*HARDENED)
    first = ask(app, "POST", "/holds/", SLOT, key="key-1", Authorization=bearer(user_id=1))
    assert first.status_code == 201
    mine = ask(app, "POST", "/holds/", SLOT | {"user_id": 2}, key="key-1", Authorization=bearer(user_id=2))
    assert (mine.status_code, mine.json["user_id"]) == (201, 2)


def test_nobody_is_told_the_stored_answer_of_another(make):
    app = make(*HARDENED)
    transfer = {"from_wallet_id": 1, "to_wallet_id": 2, "amount_cents": 5, "reference": "t"}
    ask(app, "POST", "/transfers/", transfer, key="key-1", Authorization=bearer(user_id=1))
    again = ask(app, "POST", "/transfers/", transfer, key="key-1", Authorization=bearer(user_id=2))
    assert again.status_code == 403
