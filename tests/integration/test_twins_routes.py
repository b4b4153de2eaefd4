"""Every route of both twins on a real PostgreSQL: with nothing wrong, they cannot be told apart."""

import pytest

from tests.twins import HARDENED, NAIVE, PROFILE, SLOT, ask, rows

TWINS = (NAIVE, HARDENED)

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("twin", TWINS)
def test_a_booking_is_paid_for_shown_and_cancelled(make, twin):
    app = make(*twin)
    made = ask(app, "POST", "/bookings/", SLOT)
    assert made.status_code == 201
    assert made.json.pop("charge_id").startswith("ch_")
    assert made.json.items() >= {**SLOT, "id": 91, "status": "confirmed", "price_cents": 1_650}.items()
    assert ask(app, "GET", "/bookings/91/").json == made.json
    assert ask(app, "POST", "/bookings/", SLOT | {"reference": "intent-2"}).status_code == 409
    assert ask(app, "DELETE", "/bookings/91/").status_code == 204
    assert ask(app, "GET", "/bookings/91/").json["status"] == "cancelled"
    assert ask(app, "POST", "/bookings/", SLOT | {"reference": "intent-2"}).status_code == 201
    assert ask(app, "POST", "/bookings/", SLOT | {"user_id": 99}).status_code == 422
    assert ask(app, "GET", "/bookings/999/").status_code == 404
    assert ask(app, "DELETE", "/bookings/999/").status_code == 404


@pytest.mark.parametrize("twin", TWINS)
def test_a_booking_of_a_second_costs_a_cent(make, twin):
    booked = ask(make(*twin), "POST", "/bookings/", SLOT | {"ends_at": "2030-01-01T10:00:01Z"})
    assert (booked.status_code, booked.json["price_cents"]) == (201, 1)


@pytest.mark.parametrize("twin", TWINS)
def test_seeded_bookings_follow_from_their_number(make, twin):
    app = make(*twin)
    for i in (1, 35, 90):
        booking = ask(app, "GET", f"/bookings/{i}/").json
        assert (booking["id"], booking["room_id"], booking["user_id"]) == (
            i,
            1 + (i - 1) % 3,
            1 + (i - 1) % 30,
        )
        assert booking["status"] == "confirmed"
        assert booking["starts_at"].startswith("2025-")


@pytest.mark.parametrize("twin", TWINS)
def test_users_come_in_pages_with_their_bookings_where_asked_for(make, twin):
    app = make(*twin)
    page = ask(app, "GET", "/users/?include=bookings&limit=20").json
    assert [user["id"] for user in page["items"]] == list(range(1, 21))
    assert [booking["id"] for booking in page["items"][4]["bookings"]] == [5, 35, 65]
    assert ask(app, "GET", "/users/5/bookings/").json["items"] == page["items"][4]["bookings"]
    rest = ask(app, "GET", f"/users/?after={page['next']}").json
    assert [user["id"] for user in rest["items"]] == list(range(21, 31))
    assert rest["next"] is None
    assert "bookings" not in rest["items"][0]


@pytest.mark.parametrize("twin", TWINS)
def test_each_version_of_a_profile_has_its_audit_row(make, owner, twin):
    app = make(*twin)
    assert ask(app, "PUT", "/users/2/profile/", PROFILE).json == {**PROFILE, "user_id": 2, "version": 2}
    assert ask(app, "PUT", "/users/2/profile/", PROFILE).json["version"] == 3
    assert ask(app, "GET", "/users/2/profile/").json == {**PROFILE, "user_id": 2, "version": 3}
    assert ask(app, "GET", "/users/99/profile/").status_code == 404
    assert rows(owner, "SELECT version FROM audit WHERE user_id = 2 ORDER BY version") == [(1,), (2,), (3,)]
    assert ask(app, "PUT", "/users/99/profile/", PROFILE).status_code == 404


@pytest.mark.parametrize("twin", TWINS)
def test_a_transfer_moves_money_once_and_never_more_than_there_is(make, owner, twin):
    app = make(*twin)
    asked = {"from_wallet_id": 2, "to_wallet_id": 1, "amount_cents": 100_000, "reference": "intent-1"}
    assert ask(app, "POST", "/transfers/", asked).json == {**asked, "id": 1}
    assert ask(app, "POST", "/transfers/", asked).status_code == 409
    assert rows(owner, "SELECT id, balance_cents FROM wallets WHERE id < 3 ORDER BY id") == [
        (1, 200_000),
        (2, 0),
    ]
    assert rows(owner, "SELECT wallet_id, delta_cents FROM ledger ORDER BY id") == [
        (2, -100_000),
        (1, 100_000),
    ]
    assert ask(app, "POST", "/transfers/", asked | {"to_wallet_id": 99}).status_code == 422
    assert ask(app, "POST", "/transfers/", asked | {"to_wallet_id": 2}).status_code == 422


@pytest.mark.parametrize("twin", TWINS)
def test_rooms_are_found_and_show_when_they_are_taken(make, twin):
    app = make(*twin)
    found = ask(app, "GET", "/rooms/?q=DIO 2").json["items"]
    assert found == [{"id": 2, "name": "Studio 2", "hourly_price_cents": 1_200}]
    day = ask(app, "GET", "/rooms/1/availability/?date=2025-01-01").json
    assert day["taken"][0] == {"starts_at": "2025-01-01T00:00:00Z", "ends_at": "2025-01-01T01:00:00Z"}
    assert len(day["taken"]) == 24
    assert ask(app, "GET", "/rooms/1/availability/?date=2031-01-01").json["taken"] == []
    assert ask(app, "GET", "/rooms/9/availability/?date=2031-01-01").status_code == 404
    assert ask(app, "GET", "/reports/utilisation/").json["items"][2] == {
        "room_id": 3,
        "name": "Studio 3",
        "booked_hours": 30.0,
    }


@pytest.mark.parametrize("twin", TWINS)
def test_a_hold_is_remembered(make, twin):
    app = make(*twin)
    hold = ask(app, "POST", "/holds/", SLOT).json
    assert hold == {**SLOT, "id": 1}
    assert ask(app, "GET", "/holds/1/").json == hold
    assert ask(app, "GET", "/holds/2/").status_code == 404
    assert ask(app, "POST", "/holds/", SLOT | {"user_id": 99, "room_id": 99}).status_code == 201


@pytest.mark.parametrize("twin", TWINS)
def test_a_token_is_asked_for_by_all_but_the_routes_of_machines(make, twin):
    client = make(*twin).test_client()
    assert client.get("/rooms/").status_code == 401
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(path).status_code == 200
