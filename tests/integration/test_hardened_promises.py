"""What "hardened" promises about time, sessions and compartments, on a real PostgreSQL behind a real Toxiproxy.

Each test was red on the code before the promise was kept. A timing here is always a bound that the product states: the
deadline and its grace, with room for a busy machine. Where a test tries something `steadily`, it takes no notice of a
machine that stood still; where a promise is not about time, or is one about shares of it, a request has more of it.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count

import psycopg
import pytest
import sqlalchemy as sa
from flask import g

from services import seed
from services.defences import bulkhead, connection_pool, deadline, one_transaction
from services.defences.database_failures import CLASSES, STATES
from services.hardened.db import session
from tests.defended import PATIENT_S, sample, silent_server
from tests.timing import steadily
from tests.twins import HARDENED, HEADERS, NAIVE, PROFILE, SLOT, ask, change, rows

pytestmark = [pytest.mark.alone, pytest.mark.timeout(120)]

END_S = deadline.DEADLINE_S + deadline.GRACE_S
BUSY_MACHINE_S = 0.25
TRANSFER = {"from_wallet_id": 1, "to_wallet_id": 2, "amount_cents": 10, "reference": "intent-1"}

patiently = pytest.mark.parametrize("deadline_s", [PATIENT_S], ids=["patient"])
at_leisure = pytest.mark.parametrize("deadline_s", [4.0], ids=["at leisure"])  # all else is as much longer


@pytest.fixture
def deadline_s() -> float:
    """The product's own: here it is what counts."""
    return deadline.DEADLINE_S


def in_all(*values):
    """Values that `bin/test --all` tries, too: between those that the others try."""
    return [pytest.param(value, marks=pytest.mark.long) for value in values]


def timed(app, method, path, body=None, **headers):
    """The answer, and how many seconds it took."""
    began = time.monotonic()
    answer = app.test_client().open(path, method=method, json=body, headers=HEADERS | headers)
    return answer, time.monotonic() - began


def statuses(app, *paths: str) -> list[int]:
    """The statuses of reads made at one time, in the order of `paths`."""
    with ThreadPoolExecutor(len(paths)) as pool:
        return [answer.status_code for answer in pool.map(lambda path: ask(app, "GET", path), paths)]


def backends(owner: str) -> set[int]:
    return {pid for (pid,) in rows(owner, "SELECT pid FROM pg_stat_activity WHERE usename = 'app'")}


def eventually(happened) -> bool:
    ends_at = time.monotonic() + 10
    while not happened():
        if time.monotonic() > ends_at:
            return False
        time.sleep(0.02)
    return True


# Budget


WRITES = [
    ("POST", "/bookings/", SLOT),
    ("POST", "/holds/", SLOT),
    ("POST", "/transfers/", TRANSFER),
    ("PUT", "/users/1/profile/", PROFILE),
    ("DELETE", "/bookings/1/", None),
]


@pytest.mark.parametrize("key", ["", "key-1"])
@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_write_without_any_time_left_does_nothing(make, owner, method, path, body, key):
    app = make(*HARDENED)
    keyed = {"Idempotency-Key": key, "X-Retry-Count": "0"} if key else {}
    answer, _ = timed(app, method, path, body, **{"X-Deadline-S": "0"}, **keyed)
    assert (answer.status_code, answer.json["effect"]) == (503, "none")
    assert rows(owner, "SELECT count(*) FROM bookings WHERE id > 90 OR status <> 'confirmed'") == [(0,)]
    assert rows(owner, "SELECT count(*) FROM transfers") == [(0,)]
    assert rows(owner, "SELECT count(*) FROM holds") == [(0,)]
    assert rows(owner, "SELECT max(version) FROM profiles") == [(1,)]


@pytest.fixture
def twenty_statements(make, link):
    """A hardened twin with a read of twenty statements, and a write of as many."""
    app = make(*HARDENED, link.port)

    @app.get("/twenty")
    def twenty():
        return {"sum": sum(session().scalar(sa.text("SELECT 1")) for _ in range(20))}

    @app.post("/twenty")
    def twenty_writes():
        with one_transaction.begin(session()) as db:
            for _ in range(20):
                db.execute(sa.text("UPDATE wallets SET balance_cents = balance_cents + 1 WHERE id = 1"))
        return {}

    return app


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("latency_ms", [60, *in_all(100), 300])
def test_many_statements_share_one_deadline_and_one_grace(twenty_statements, link, owner, method, latency_ms):
    before = rows(owner, "SELECT balance_cents FROM wallets WHERE id = 1")

    def asked() -> None:
        with link.late_by(latency_ms):
            answer, seconds = timed(twenty_statements, method, "/twenty")
        assert (answer.status_code, answer.json["effect"]) == (503, "none")
        assert seconds < END_S + BUSY_MACHINE_S

    steadily(asked)
    assert rows(owner, "SELECT balance_cents FROM wallets WHERE id = 1") == before


@pytest.mark.parametrize("in_transaction", [True, False])
def test_nothing_is_sent_after_the_deadline(make, owner, in_transaction):
    app = make(*HARDENED)
    change_all = sa.text("UPDATE wallets SET balance_cents = 0")

    @app.post("/late")
    def late():
        time.sleep(0.3)
        if not in_transaction:
            session().execute(change_all)
        with one_transaction.begin(session()) as db:
            db.execute(change_all)

    answer, _ = timed(app, "POST", "/late", **{"X-Deadline-S": "0.2"})
    assert (answer.status_code, answer.json["effect"]) == (503, "none")
    assert rows(owner, "SELECT count(*) FROM wallets WHERE balance_cents = 0") == [(0,)]


@pytest.mark.parametrize("latency_ms", [*in_all(100), 230, *in_all(400)])
def test_a_keyed_transfer_ends_by_the_deadline_that_its_client_asked_for(make, link, latency_ms):
    app = make(*HARDENED, link.port)
    asked_s, numbers = 0.5, count()

    def asked() -> None:
        keyed = {"X-Deadline-S": str(asked_s), "Idempotency-Key": f"key-{next(numbers)}"}
        answer, seconds = timed(app, "POST", "/transfers/", TRANSFER, **keyed)
        assert answer.status_code in (201, 503)
        assert seconds < asked_s + deadline.GRACE_S + BUSY_MACHINE_S

    with link.late_by(latency_ms):
        for _ in range(3):
            steadily(asked)


@pytest.mark.parametrize(("method", "path", "body"), [("GET", "/users/?include=bookings", None), *WRITES])
def test_no_route_outlasts_its_deadline_in_a_blackhole(make, link, method, path, body):
    def asked() -> None:
        app = make(*HARDENED, link.port)
        with link.silent():
            answer, seconds = timed(app, method, path, body)
        assert (answer.status_code, answer.json["effect"]) == (503, "none")
        assert seconds < END_S + BUSY_MACHINE_S

    steadily(asked)


def test_the_answer_stands_even_if_giving_the_connection_back_fails(make, link):
    """A transaction left open has to be rolled back at the end, but nothing answers any more."""
    app = make(*HARDENED, link.port)

    @app.get("/left-open")
    def left_open():
        db = session()
        db.begin()
        db.execute(sa.text("SELECT 1"))
        g.cut = link.silent()
        g.cut.__enter__()
        return {"answer": 42}

    @app.teardown_appcontext
    def heal(_):
        if "cut" in g:
            g.cut.__exit__(None, None, None)

    def asked() -> None:
        answer, seconds = timed(app, "GET", "/left-open")
        assert (answer.status_code, answer.json) == (200, {"answer": 42})
        assert seconds < END_S + BUSY_MACHINE_S

    steadily(asked)


# Slow is not dead


@pytest.mark.parametrize("latency_ms", [*in_all(150, 200), 260, *in_all(300), 400])
def test_a_slow_database_is_used_as_long_as_it_answers_in_time(make, link, latency_ms):
    app = make(*HARDENED, link.port)

    def asked(path: str) -> None:
        assert ask(app, "GET", path).status_code == 200

    with link.late_by(latency_ms):
        for _ in range(3):
            for path in ("/bookings/1/", "/rooms/1/availability/?date=2025-01-01", "/readyz"):
                steadily(partial(asked, path))
    assert sample(app, "sheds_total", why="circuit_open") == 0


@pytest.mark.parametrize("latency_ms", [*in_all(260), 400])
def test_reads_that_come_now_and_then_find_the_connections_open(make, link, owner, latency_ms):
    def asked() -> None:
        app = make(*HARDENED, link.port)
        before = backends(owner)
        with link.late_by(latency_ms):
            for _ in range(3):
                time.sleep(1.2)  # longer than any idle time after which a connection used to be pinged
                assert ask(app, "GET", "/bookings/1/").status_code == 200
        assert backends(owner) == before

    steadily(asked)


@patiently
def test_requests_that_had_no_time_left_are_no_outage(make, link):
    app = make(*HARDENED, link.port)
    with link.late_by(300):
        for _ in range(8):
            assert timed(app, "GET", "/bookings/1/", **{"X-Deadline-S": "0.1"})[0].status_code == 503
        assert ask(app, "GET", "/bookings/1/").status_code == 200


def test_writes_that_are_too_slow_to_be_done_do_not_close_the_door_to_reads(make, link):
    """Seven round trips of 0.3 s do not fit; one does."""
    app = make(*HARDENED, link.port)
    with link.late_by(300):
        for i in range(6):
            refused = ask(app, "POST", "/transfers/", TRANSFER, key=f"key-{i}", X_Retry_Count="0")
            assert (refused.status_code, refused.json["effect"]) == (503, "none")
        app.config["DEADLINE_S"] = PATIENT_S
        assert statuses(app, *["/bookings/1/"] * 4) == [200] * 4
        assert ask(app, "GET", "/readyz").status_code == 200


@patiently
def test_one_killed_session_costs_one_connection(make, owner):
    app = make(*HARDENED)
    before = backends(owner)
    assert len(before) == connection_pool.SIZE
    victim = min(before)
    change(owner, f"SELECT pg_terminate_backend({victim}, 20000)")
    assert [ask(app, "GET", "/bookings/1/").status_code for _ in range(30)] == [200] * 30
    assert before - backends(owner) == {victim}
    assert not backends(owner) - before


def test_what_was_lost_is_reopened_behind_the_requests_backs(make, link, owner):
    app = make(*HARDENED, link.port)
    end_all = "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE usename = 'app'"

    def asked() -> None:
        change(owner, end_all)
        assert eventually(lambda: len(backends(owner)) == connection_pool.SPARE)
        answers = [timed(app, "GET", "/bookings/1/") for _ in range(5)]
        assert [answer.status_code for answer, _ in answers] == [200] * 5
        assert max(seconds for _, seconds in answers) < 4 * 0.15

    with link.late_by(150):  # to open a connection takes four round trips
        steadily(asked)


# Sessions


@pytest.mark.parametrize(
    "migration",
    [
        "ALTER TABLE bookings ALTER COLUMN price_cents TYPE bigint",
        "ALTER TABLE bookings ADD COLUMN note text",
        "ALTER TABLE bookings ALTER COLUMN reference TYPE varchar(80)",
    ],
)
@pytest.mark.parametrize(
    "defences", ["all", "all,-one_round_trip_reads"]
)  # the latter prepares its statements
@patiently
def test_after_a_migration_no_read_is_a_500_and_soon_all_are_well(make, owner, migration, defences):
    app = make("hardened", defences)
    together = ["/bookings/1/"] * 8
    for _ in range(8):  # often enough for each connection to have its statement prepared
        assert statuses(app, *together) == [200] * 8
    change(owner, migration)
    seen = [status for _ in range(8) for status in statuses(app, *together)]
    assert set(seen) <= {200, 503}
    assert [ask(app, "GET", "/bookings/1/").status_code for _ in range(10)] == [200] * 10


def raising(state: str) -> str:
    """A block that fails with that SQLSTATE."""
    return f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$"


ERRORS = [
    *(f"{kind}{rest}" for kind in CLASSES if kind not in ("00", "01", "02") for rest in ("000", "0ZZ")),
    *STATES,
]


@patiently
def test_every_class_of_sqlstate_is_answered_by_its_rule(make, owner):
    app, states = make(*HARDENED), iter(ERRORS)

    @app.post("/fail/<state>")
    def fail(state):
        with one_transaction.begin(session()) as db:
            g.pid = db.scalar(sa.text("SELECT pg_backend_pid()"))
            db.execute(sa.text(raising(state)))

    pids = {}
    app.teardown_request(lambda _: pids.update({g.get("request_id"): g.get("pid")}))
    for state in states:
        rule = STATES.get(state) or CLASSES[state[:2]]
        answer = ask(app, "POST", f"/fail/{state}", X_Request_Id=state)
        expected = (503, "none") if rule.reason else (500, None)
        assert (answer.status_code, answer.json.get("effect")) == expected, state
        if rule.broken:
            assert eventually(lambda: pids[state] not in backends(owner)), state  # noqa: B023


@patiently
def test_a_session_that_is_not_broken_is_kept(make, owner):
    app = make(*HARDENED)
    before = backends(owner)
    app.add_url_rule(
        "/busy", view_func=lambda: session().execute(sa.text(raising("55P03"))), methods=["POST"]
    )
    for _ in range(5):
        assert ask(app, "POST", "/busy").json["detail"] == "unavailable: lock timeout"
    assert backends(owner) == before


@patiently
def test_prepared_statements_that_the_server_forgot_are_never_a_500(make):
    app = make(*HARDENED)
    for _ in range(8):
        assert ask(app, "GET", "/bookings/1/").status_code == 200
    with app.test_request_context():
        session().execute(sa.text("DEALLOCATE ALL"))
    assert {ask(app, "GET", "/bookings/1/").status_code for _ in range(10)} <= {200, 503}
    assert [ask(app, "GET", "/bookings/1/").status_code for _ in range(10)] == [200] * 10


def test_every_sqlstate_that_psycopg_knows_has_a_rule():
    known = {getattr(error, "sqlstate", None) for error in vars(psycopg.errors).values()}
    known = {state for state in known if isinstance(state, str)}
    assert len(known) > 200
    assert {state[:2] for state in known} <= set(CLASSES)
    assert set(STATES) <= known


# Compartments


@contextmanager
def held(owner: str, *statements: str):
    """In the block another session holds the locks that `statements` take."""
    with psycopg.connect(owner) as other:
        for statement in statements:
            other.execute(statement)
        yield
        other.rollback()


HOT_ROW = ("SELECT FROM wallets WHERE id = 1 FOR UPDATE",)
LOCKED_TABLE = ("LOCK TABLE wallets",)


@pytest.mark.parametrize("trouble", [HOT_ROW, LOCKED_TABLE])
@at_leisure
def test_those_who_want_something_else_are_served_beside_24_who_wait(make, owner, trouble):
    app = make(*HARDENED)
    with held(owner, *trouble), ThreadPoolExecutor(24) as pool:
        waiting = [pool.submit(ask, app, "POST", "/transfers/", TRANSFER, f"key-{i}") for i in range(24)]
        assert eventually(lambda: sample(app, "db_pool_in_use") == bulkhead.RESERVED + bulkhead.SHARED_MAX)
        assert statuses(app, *[f"/bookings/{i}/" for i in range(1, 13)]) == [200] * 12
        assert not any(answer.done() for answer in waiting)
        assert {answer.result().status_code for answer in waiting} == {503}


@at_leisure
def test_a_locked_table_leaves_the_other_tables_readers_alone(make, owner):
    app = make(*HARDENED)
    with held(owner, "LOCK TABLE bookings"), ThreadPoolExecutor(24) as pool:
        waiting = [pool.submit(ask, app, "GET", "/bookings/1/") for _ in range(24)]
        time.sleep(0.15)
        assert statuses(app, *["/rooms/?q=1"] * 8) == [200] * 8
        assert statuses(app, *["/users/"] * 8) == [200] * 8
        assert {answer.result().status_code for answer in waiting} == {503}


@at_leisure
def test_a_locked_table_that_three_routes_read_leaves_the_others_alone(make, owner):
    app = make(*HARDENED)
    places = ["/bookings/1/", "/users/1/bookings/", "/rooms/1/availability/?date=2030-01-01"]
    with held(owner, "LOCK TABLE bookings"), ThreadPoolExecutor(30) as pool:
        waiting = [pool.submit(ask, app, "GET", place) for place in places for _ in range(10)]
        time.sleep(0.15)
        assert statuses(app, *["/rooms/?q=1"] * 8) == [200] * 8
        assert statuses(app, *["/users/"] * 8) == [200] * 8
        assert {answer.result().status_code for answer in waiting} == {503}


@at_leisure
def test_a_slow_report_leaves_the_readers_alone(make, owner):
    app = make(*HARDENED)
    with held(owner, "LOCK TABLE rooms"), ThreadPoolExecutor(12) as pool:
        reports = [pool.submit(ask, app, "GET", "/reports/utilisation/") for _ in range(12)]
        time.sleep(0.15)
        assert statuses(app, *[f"/bookings/{i}/" for i in range(1, 13)]) == [200] * 12
        assert {answer.result().status_code for answer in reports} == {503}


@at_leisure
def test_a_slow_dependency_leaves_the_readers_alone(make):
    app = make(*HARDENED)
    with silent_server() as port, ThreadPoolExecutor(24) as pool:
        app.config["PAYMENTS_URL"] = f"http://127.0.0.1:{port}"
        slots = [
            SLOT | {"starts_at": f"2030-01-{i:02}T10:00:00Z", "ends_at": f"2030-01-{i:02}T11:00:00Z"}
            for i in range(1, 25)
        ]
        paying = [pool.submit(ask, app, "POST", "/bookings/", slot) for slot in slots]
        time.sleep(0.15)
        assert statuses(app, *[f"/bookings/{i}/" for i in range(1, 13)]) == [200] * 12
        assert {answer.result().status_code for answer in paying} == {503}


@at_leisure
def test_who_waits_for_a_lock_is_served_when_it_comes_in_time(make, owner):
    """As many as naive serves: no request is refused that could have been served by the deadline."""
    served = {}
    for twin in (NAIVE, HARDENED):
        app = make(*twin)
        release = threading.Timer(0.4, lambda: None)
        with psycopg.connect(owner) as other, ThreadPoolExecutor(24) as pool:
            other.execute("SELECT FROM wallets WHERE id = 1 FOR UPDATE")
            release = threading.Timer(0.4, other.rollback)
            release.start()
            waiting = [pool.submit(ask, app, "POST", "/transfers/", TRANSFER, f"k-{i}") for i in range(24)]
            answers = [answer.result().status_code for answer in waiting]
            release.join()
        served[twin] = answers.count(201)
    assert served[HARDENED] >= served[NAIVE] == 24


# Useful


@contextmanager
def dying_once_before(app, owner: str, statement: str):
    """In the block, the server ends the first session of `app` that is about to run `statement`."""
    engine, killed = app.extensions["engine"], []

    def kill(connection, cursor, text, *rest):
        if statement in text and not killed:
            killed.append(connection.connection.dbapi_connection.info.backend_pid)
            change(owner, f"SELECT pg_terminate_backend({killed[-1]}, 20000)")

    sa.event.listen(engine, "before_cursor_execute", kill)
    yield killed
    sa.event.remove(engine, "before_cursor_execute", kill)
    assert killed


@pytest.mark.parametrize(
    ("path", "statement"),
    [
        ("/bookings/1/", "FROM bookings"),
        ("/rooms/1/availability/?date=2025-01-01", "FROM rooms"),
        ("/users/?include=bookings", "FROM users"),
    ],
)
@patiently
def test_a_read_whose_session_dies_under_it_is_answered_through_another(make, owner, path, statement):
    app = make(*HARDENED)
    before = backends(owner)
    with dying_once_before(app, owner, statement) as killed:
        assert ask(app, "GET", path).status_code == 200
    assert [ask(app, "GET", path).status_code for _ in range(connection_pool.SIZE)] == [
        200
    ] * connection_pool.SIZE
    assert before - backends(owner) == set(killed)


@pytest.mark.parametrize(
    ("off", "path", "statement"),
    [
        ("batched_reads", "/users/?include=bookings", "FROM users"),
        ("keyset_pagination", "/users/1/bookings/", "FROM bookings"),
    ],
)
@patiently
def test_a_naive_function_that_stands_in_for_one_defence_keeps_the_others(make, owner, off, path, statement):
    """It reads without a transaction, and again through another connection if the first one dies."""
    app, states = make("hardened", f"all,-{off}"), []

    def look(connection, *_):
        states.append(connection.connection.dbapi_connection.info.transaction_status.name)

    sa.event.listen(app.extensions["engine"], "after_cursor_execute", look)
    with dying_once_before(app, owner, statement):
        assert ask(app, "GET", path).status_code == 200
    assert set(states) == {"IDLE"}


@pytest.mark.parametrize("key", ["", "key-1"])
@pytest.mark.parametrize(
    "statement", ["FOR UPDATE", "INSERT INTO transfers", "INSERT INTO ledger", "UPDATE wallets"]
)
@patiently
def test_a_write_whose_session_dies_before_its_commit_is_done_once_through_another(
    make, owner, statement, key
):
    app = make(*HARDENED)
    with dying_once_before(app, owner, statement):
        assert ask(app, "POST", "/transfers/", TRANSFER, key=key).status_code == 201
    assert rows(owner, "SELECT count(*) FROM transfers") == [(1,)]
    assert rows(owner, "SELECT balance_cents FROM wallets WHERE id = 1") == [(seed.WALLET_CENTS - 10,)]


@pytest.mark.parametrize("key", ["", "key-1"])
@pytest.mark.parametrize(
    ("method", "path", "body", "statement", "effects"),
    [
        ("DELETE", "/bookings/1/", None, "WITH cancelled", "SELECT count(*) FROM refunds_due"),
        ("POST", "/holds/", SLOT, "INSERT INTO holds", "SELECT count(*) FROM holds"),
        ("PUT", "/users/1/profile/", PROFILE, "INSERT INTO audit", "SELECT count(*) - 30 FROM audit"),
    ],
)
@patiently
def test_so_are_cancellations_holds_and_profiles(make, owner, method, path, body, statement, effects, key):
    app = make(*HARDENED)
    with dying_once_before(app, owner, statement):
        assert ask(app, method, path, body, key=key).status_code < 300
    assert rows(owner, effects) == [(1,)]


@contextmanager
def flapping(link, *, down_s: float, up_s: float):
    """In the block the link is down for a while, again and again."""
    over = threading.Event()

    def flap():
        while not over.is_set():
            with link.down():
                time.sleep(down_s)
            over.wait(up_s)

    flapper = threading.Thread(target=flap)
    flapper.start()
    try:
        yield
    finally:
        over.set()
        flapper.join()


def within_the_deadline(app, method: str, path: str, body, due_at: float) -> bool:
    """Whether a request that is due then is answered rightly within the deadline. What naive throws is no answer."""
    time.sleep(max(0.0, due_at - time.monotonic()))
    with suppress(Exception):
        right = ask(app, method, path, body, key=f"due-{due_at}").status_code in (200, 201)
        return right and time.monotonic() - due_at <= deadline.DEADLINE_S
    return False


@pytest.mark.parametrize(
    ("method", "path", "body", "latency_ms"),
    [
        pytest.param("GET", "/bookings/1/", None, 0, marks=pytest.mark.long),
        pytest.param("GET", "/bookings/1/", None, 80, marks=pytest.mark.long),
        ("PUT", "/users/1/profile/", PROFILE, 30),
    ],
)
def test_a_link_that_flaps_is_used_whenever_it_is_up(make, link, method, path, body, latency_ms):
    """0.3 s down, 0.6 s up: at no latency does hardened answer fewer requests in time than naive."""

    def asked() -> None:
        served = {}
        for twin in (NAIVE, HARDENED):
            app = make(*twin, link.port)
            assert ask(app, method, path, body).status_code == 200
            starts_at = time.monotonic() + 0.1
            with (
                link.late_by(latency_ms),
                flapping(link, down_s=0.3, up_s=0.6),
                ThreadPoolExecutor(24) as pool,
            ):
                due = [starts_at + i / 15 for i in range(75)]
                in_time = [pool.submit(within_the_deadline, app, method, path, body, at) for at in due]
                served[twin] = sum(answer.result() for answer in in_time)
        assert served[HARDENED] >= served[NAIVE], served
        assert served[HARDENED] > 0

    steadily(asked)
