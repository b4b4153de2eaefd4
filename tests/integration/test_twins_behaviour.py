"""Hardened holds where naive breaks; and with a defence off, hardened breaks too.

Between the two stands hardened with DEFENCES=none, which must do as naive does. Races are not left to chance: both
requests meet inside the gap, where the code has one.
"""

import pytest

from services import seed
from services.defences import connection_pool
from tests.defended import sample
from tests.stub_service import eventually
from tests.twins import (
    HARDENED,
    NAIVE,
    PROFILE,
    SLOT,
    UNDEFENDED,
    ask,
    change,
    dying_before,
    meeting_after,
    rows,
    together,
)

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    ("twin", "statuses", "confirmed"),
    [
        (NAIVE, [201, 201], 2),
        (UNDEFENDED, [201, 201], 2),
        (("hardened", "all,-constraints"), [201, 201], 2),
        (HARDENED, [201, 409], 1),
    ],
)
def test_two_bookings_that_meet_before_the_insert(make, owner, twin, statuses, confirmed):
    app = make(*twin)
    with meeting_after(app, owner, "FROM rooms"), meeting_after(app, owner, "bookings.ends_at >"):
        answers = together(
            lambda: ask(app, "POST", "/bookings/", SLOT),
            lambda: ask(app, "POST", "/bookings/", SLOT | {"reference": "intent-2"}),
        )
    assert answers == statuses
    assert rows(owner, "SELECT count(*) FROM bookings WHERE id > 90 AND status = 'confirmed'") == [
        (confirmed,)
    ]


@pytest.mark.parametrize(
    ("twin", "torn"),
    [
        (NAIVE, True),
        (UNDEFENDED, True),
        (("hardened", "all,-one_transaction"), True),
        (HARDENED, False),
    ],
)
def test_a_connection_that_dies_between_profile_and_audit(make, owner, twin, torn):
    app = make(*twin)
    with dying_before(app, owner, "INSERT INTO audit"):
        assert ask(app, "PUT", "/users/1/profile/", PROFILE, key="key-1").status_code >= 500
    profile = rows(owner, "SELECT version FROM profiles WHERE user_id = 1")
    audit = rows(owner, "SELECT max(version) FROM audit WHERE user_id = 1")
    assert (profile != audit) == torn
    assert audit == [(1,)]


@pytest.mark.parametrize(
    ("twin", "statuses"),
    [
        (NAIVE, [201, 500]),
        (UNDEFENDED, [201, 500]),
        (("hardened", "all,-lock_order,-transaction_retry"), [201, 503]),
        (("hardened", "all,-lock_order"), [201, 201]),
        (HARDENED, [201, 201]),
    ],
)
def test_two_transfers_that_cross(make, owner, twin, statuses):
    app = make(*twin)
    there = {"from_wallet_id": 1, "to_wallet_id": 2, "amount_cents": 10, "reference": "there"}
    back = {"from_wallet_id": 2, "to_wallet_id": 1, "amount_cents": 10, "reference": "back"}
    with meeting_after(app, owner, "FOR UPDATE"):
        answers = together(
            lambda: ask(app, "POST", "/transfers/", there),
            lambda: ask(app, "POST", "/transfers/", back),
        )
    assert answers == statuses
    assert rows(owner, "SELECT sum(balance_cents) FROM wallets") == [(30 * seed.WALLET_CENTS,)]


@pytest.mark.parametrize(
    ("twin", "statements"),
    [(NAIVE, 21), (UNDEFENDED, 21), (("hardened", "all,-batched_reads"), 21), (HARDENED, 2)],
)
def test_the_statements_of_a_page_of_twenty_users(make, twin, statements):
    app = make(*twin)
    assert ask(app, "GET", "/users/?include=bookings&limit=20").status_code == 200
    assert sample(app, "sql_statements_total", route="/users/") == statements


@pytest.mark.parametrize(
    ("twin", "kept"),
    [(NAIVE, 0), (UNDEFENDED, 0), (("hardened", "all,-durable_state"), 0), (HARDENED, 1)],
)
def test_where_a_hold_is_kept(make, owner, twin, kept):
    app = make(*twin)
    ask(app, "POST", "/holds/", SLOT)
    assert rows(owner, "SELECT count(*) FROM holds") == [(kept,)]
    assert len(app.extensions["holds"]) == 1 - kept


@pytest.mark.parametrize(
    ("twin", "status"),
    [(NAIVE, 200), (UNDEFENDED, 200), (("hardened", "all,-readiness"), 200), (HARDENED, 503)],
)
def test_readiness_without_a_database(make, owner, twin, status):
    app = make(*twin)
    change(owner, "ALTER ROLE app NOLOGIN")
    change(owner, "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE usename = 'app'")
    assert ask(app, "GET", "/readyz").status_code == status
    assert ask(app, "GET", "/healthz").status_code == 200


@pytest.mark.parametrize(
    ("twin", "transfers"),
    [(NAIVE, 2), (UNDEFENDED, 2), (("hardened", "all,-idempotency"), 2), (HARDENED, 1)],
)
def test_a_transfer_asked_for_twice_under_one_key(make, owner, twin, transfers):
    app = make(*twin)
    asked = {"from_wallet_id": 1, "to_wallet_id": 2, "amount_cents": 10, "reference": "intent-1"}
    answers = [ask(app, "POST", "/transfers/", asked, key="key-1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert rows(owner, "SELECT count(*) FROM transfers") == [(transfers,)]
    assert (answers[0].json == answers[1].json) == (transfers == 1)


@pytest.mark.parametrize(("twin", "in_use"), [(NAIVE, 1), (UNDEFENDED, 1), (HARDENED, connection_pool.SIZE)])
def test_connections_kept_after_a_request(make, owner, twin, in_use):
    app = make(*twin)
    assert ask(app, "GET", "/bookings/1/").status_code == 200
    mine = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'"
    # A closed connection takes the server a moment.
    eventually(lambda: rows(owner, mine) == [(in_use,)])


@pytest.mark.parametrize("twin", [NAIVE, UNDEFENDED])
def test_without_defences_a_lost_database_is_a_plain_500(make, owner, twin):
    app = make(*twin)
    with dying_before(app, owner, "FROM bookings"):
        answer = ask(app, "GET", "/bookings/1/")
    assert answer.status_code == 500
    assert "effect" not in answer.json


# What hardened promises beyond naive.


WITHOUT_PAGES = ("hardened", "all,-keyset_pagination")


@pytest.mark.parametrize(
    ("twin", "sizes"),
    [(NAIVE, [45]), (UNDEFENDED, [45]), (WITHOUT_PAGES, [45]), (HARDENED, [20, 20, 5])],
)
def test_the_pages_of_one_user_s_bookings(make, owner, twin, sizes):
    app = make(*twin)
    change(owner, "UPDATE bookings SET user_id = CASE WHEN id <= 45 THEN 7 ELSE 8 END")
    pages, after = [], 0
    while after is not None:
        answer = ask(app, "GET", f"/users/7/bookings/?after={after}").json
        pages.append([booking["id"] for booking in answer["items"]])
        after = answer.get("next")
    assert [len(page) for page in pages] == sizes
    assert [number for page in pages for number in page] == list(range(1, 46))


def test_a_page_has_a_maximum_and_ends_where_it_was_asked_to(make, owner):
    app = make(*HARDENED)
    change(owner, "UPDATE bookings SET user_id = 7")
    page = ask(app, "GET", "/users/7/bookings/?limit=90").json
    assert (len(page["items"]), page["next"]) == (90, 90)
    assert ask(app, "GET", "/users/7/bookings/?limit=90&after=90").json == {"items": [], "next": None}
    assert ask(app, "GET", "/users/7/bookings/?limit=101").status_code == 422


@pytest.mark.parametrize(
    ("twin", "indexed"),
    [(NAIVE, False), (UNDEFENDED, False), (("hardened", "all,-indexes"), False), (HARDENED, True)],
)
def test_how_postgresql_finds_the_bookings_of_a_user_and_of_a_room(make, owner, twin, indexed):
    make(*twin)
    columns = "user_id, room_id, starts_at, ends_at, status, price_cents"
    values = "8 + i % 20, 1 + i % 3, now() + i * interval '2h', now() + (i * 2 + 1) * interval '1h', 'cancelled', 1"
    more = f"INSERT INTO bookings ({columns}) SELECT {values} FROM generate_series(1000, 9000) AS i"
    change(owner, f"{more}; ANALYZE bookings")
    for asked, index in (
        ("user_id = 7 AND id > 0 ORDER BY id LIMIT 20", "bookings_user"),
        ("room_id = 1 AND starts_at < '2025-01-01T05:00Z'", "bookings_room"),
    ):
        plan = "".join(line for (line,) in rows(owner, f"EXPLAIN SELECT * FROM bookings WHERE {asked}"))
        assert (f"Scan using {index}" in plan or f"Scan on {index}" in plan) == indexed, plan


WITHOUT_VERSIONS = ("hardened", "all,-optimistic_locking")


@pytest.mark.parametrize(
    ("twin", "second", "kept"),
    [
        (NAIVE, 200, "Bob"),
        (UNDEFENDED, 200, "Bob"),
        (WITHOUT_VERSIONS, 200, "Bob"),
        (HARDENED, 412, "Ada"),
    ],
)
def test_two_people_save_on_top_of_the_same_version(make, owner, twin, second, kept):
    app = make(*twin)
    seen = ask(app, "GET", "/users/1/profile/").headers.get("ETag", '"1"')
    assert ask(app, "PUT", "/users/1/profile/", PROFILE, If_Match=seen).status_code == 200
    answer = ask(app, "PUT", "/users/1/profile/", PROFILE | {"display_name": "Bob"}, If_Match=seen)
    assert answer.status_code == second
    assert ask(app, "GET", "/users/1/profile/").json["display_name"] == kept
    versions = rows(owner, "SELECT version FROM audit WHERE user_id = 1 ORDER BY version")
    assert len(versions) == (3 if second == 200 else 2)


def test_if_match_takes_any_version_that_was_seen_and_a_new_one_comes_with_the_answer(make):
    app = make(*HARDENED)
    first = ask(app, "PUT", "/users/1/profile/", PROFILE, If_Match='"7", "1"')
    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    assert ask(app, "PUT", "/users/1/profile/", PROFILE, If_Match='W/"2"').status_code == 412
    assert ask(app, "PUT", "/users/1/profile/", PROFILE, If_Match="*").headers["ETag"] == '"3"'
    refused = ask(app, "PUT", "/users/1/profile/", PROFILE, If_Match='"2"')
    assert (refused.status_code, refused.json["reason"]) == (412, "changed")
    assert ask(app, "PUT", "/users/99/profile/", PROFILE, If_Match='"2"').status_code == 404


def test_an_if_match_that_names_no_version_overwrites_nothing(make, owner):
    app = make(*HARDENED)
    for invalid in ("", '""', '"1', ",,,", '"x"', '"9999999999"', "W/"):
        refused = ask(app, "PUT", "/users/1/profile/", PROFILE, If_Match=invalid)
        assert (refused.status_code, refused.json["reason"]) == (412, "changed"), invalid
    assert rows(owner, "SELECT version FROM profiles WHERE user_id = 1") == [(1,)]
    assert ask(app, "PUT", "/users/1/profile/", PROFILE, If_Match='"", "1"').status_code == 200


@pytest.mark.parametrize(("twin", "told"), [(NAIVE, False), (UNDEFENDED, False), (HARDENED, True)])
def test_only_hardened_says_where_the_thing_is_and_why_not_in_one_word(make, twin, told):
    app = make(*twin)
    booked = ask(app, "POST", "/bookings/", SLOT)
    held = ask(app, "POST", "/holds/", SLOT)
    assert booked.headers.get("Location") == ("/bookings/91/" if told else None)
    assert held.headers.get("Location") == ("/holds/1/" if told else None)
    refused = ask(app, "POST", "/bookings/", SLOT | {"reference": "intent-2"})
    assert (refused.status_code, refused.json.get("reason")) == (409, "room_taken" if told else None)
