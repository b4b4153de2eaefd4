"""The defences against a real PostgreSQL, through a proxy that can swallow: what no fake of it would show."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
import sqlalchemy as sa
from flask import Flask, g, request

from services.defences import circuit_breaker, connection_pool, deadline, one_transaction, server_timeouts
from services.defences.circuit_breaker import FAILURES_MAX
from services.defences.idempotency import once
from services.defences.switch import switchable
from services.defences.transaction_retry import retried
from services.hardened import db
from services.hardened.db import session
from tests.defended import PATIENT_S, HoldingProxy, defended, sample
from tests.roles import owner_of
from tests.timing import quickest_s, steadily

MEETING_S = 20.0

SCHEMA = """
DROP TABLE IF EXISTS idempotency, wallets, effects;
CREATE TABLE idempotency (
    caller text, route text, key text, fingerprint text, body text, created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, route, key)
);
CREATE TABLE wallets (id integer PRIMARY KEY, cents integer NOT NULL);
INSERT INTO wallets VALUES (1, 1000), (2, 1000);
CREATE TABLE effects (id integer GENERATED ALWAYS AS IDENTITY, what text);
"""


@pytest.fixture
def proxy(server):
    """A fresh schema behind a proxy that can swallow."""
    with sa.create_engine(url(server), poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql(SCHEMA)
    made = HoldingProxy(server)
    yield made
    made.close()


def url(port: int) -> str:
    return owner_of(port).replace("postgresql:", "postgresql+psycopg:")


def connect(app: Flask, port: int) -> sa.Engine:
    """Give `app` its database, as the hardened twin has it."""
    app.config["DATABASE_URL"] = url(port)
    db.init_app(app)
    return app.extensions["engine"]


@pytest.fixture
def patient_grace(monkeypatch):
    """Time enough for a cancel on a machine that is busy with other tests."""
    monkeypatch.setattr(deadline, "GRACE_S", PATIENT_S)


@pytest.fixture
def serve(proxy, monkeypatch):
    """Makes an app with a read, a slow read, a keyed write, and transfers that can deadlock."""
    engines = []
    monkeypatch.setattr(connection_pool, "WARM_UP_S", PATIENT_S)
    for name in ("lock_timeout", "statement_timeout"):
        monkeypatch.setitem(server_timeouts.SETTINGS, name, f"{PATIENT_S:.0f}s")

    def made(defences: str = "all", deadline_s: float = PATIENT_S) -> Flask:
        app = defended(defences, {"lock_order": {lock: crossing()}}, DEADLINE_S=deadline_s)
        engines.append(connect(app, proxy.port))
        app.add_url_rule("/read", view_func=read)
        app.add_url_rule("/slow", view_func=slow)
        app.add_url_rule("/effects", view_func=effect, methods=["POST"])
        app.add_url_rule("/transfers/<int:source>/<int:target>", view_func=transfer, methods=["POST"])
        return app

    yield made
    for engine in engines:
        engine.dispose()


def read():
    return {"answer": session().scalar(sa.text("SELECT 42"))}


def slow():
    return {"answer": session().scalar(sa.text("SELECT pg_sleep(60)"))}


@once
def effect():
    with one_transaction.begin(session()) as connection:
        row = connection.execute(sa.text("INSERT INTO effects (what) VALUES ('x') RETURNING id"))
        connection.execute(sa.text("SELECT pg_sleep(:seconds)"), {"seconds": request.json.get("sleep_s", 0)})
        return {"id": row.scalar_one()}


def crossing():
    """Locks in the order of the arguments. The first two transfers wait for each other, each with its first lock."""
    both, taken = threading.Barrier(2), count()

    def lock_in_order_of_arguments(connection, source, target):
        for wallet in (source, target):
            connection.execute(sa.text("SELECT FROM wallets WHERE id = :id FOR UPDATE"), {"id": wallet})
            if next(taken) < 2:
                both.wait(MEETING_S)

    return lock_in_order_of_arguments


@switchable
def lock(connection, source, target):
    for wallet in sorted((source, target)):
        connection.execute(sa.text("SELECT FROM wallets WHERE id = :id FOR UPDATE"), {"id": wallet})


@retried
def transfer(source, target):
    with one_transaction.begin(session()) as connection:
        lock(connection, source, target)
        for wallet, cents in ((source, -1), (target, 1)):
            change = sa.text("UPDATE wallets SET cents = cents + :cents WHERE id = :id")
            connection.execute(change, {"id": wallet, "cents": cents})
        return {}


def ask(app: Flask, *requests: tuple[str, str], **kwargs):
    """The answers to `requests`, sent at once, each with its seconds."""
    start = threading.Barrier(len(requests))

    def one(method: str, path: str):
        client = app.test_client()
        start.wait()
        began = time.monotonic()
        return client.open(path, method=method, **kwargs), time.monotonic() - began

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(one, *zip(*requests, strict=True)))


def rows(server: int, query: str):
    with sa.create_engine(url(server), poolclass=sa.NullPool).connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_a_blackhole_in_mid_query_costs_the_budget_and_one_grace(proxy, serve):
    def asked() -> None:
        proxy.holding = False
        app = serve("all,-circuit_breaker", deadline.DEADLINE_S)
        assert ask(app, ("GET", "/read"))[0][0].json == {"answer": 42}
        proxy.holding = True
        for answer, seconds in ask(app, *[("GET", "/read")] * 4):
            assert (answer.status_code, answer.json["detail"]) == (503, "unavailable: no answer")
            assert seconds < deadline.DEADLINE_S + deadline.GRACE_S + 0.2
        assert sample(app, "db_pool_in_use") == 0

    steadily(asked)


def test_after_the_blackhole_the_first_requests_succeed(proxy, serve, monkeypatch):
    monkeypatch.setattr(circuit_breaker, "RESET_S", 60.0)
    app = serve(deadline_s=deadline.DEADLINE_S)
    ask(app, *[("GET", "/read")] * 8)
    proxy.holding = True
    ask(app, *[("GET", "/read")] * 8)

    def refused() -> None:
        answer, _ = ask(app, ("GET", "/read"))[0]
        assert (answer.json["detail"], answer.json["effect"]) == ("unavailable: circuit open", "none")

    assert quickest_s(refused) < 0.05
    proxy.holding = False
    monkeypatch.setattr(circuit_breaker, "RESET_S", 0.0)
    app.config["DEADLINE_S"] = PATIENT_S
    assert ask(app, ("GET", "/read"))[0][0].status_code == 200
    assert all(answer.status_code == 200 for answer, _ in ask(app, *[("GET", "/read")] * 8))


def test_a_slow_query_that_stops_when_asked_does_not_open_the_circuit(serve, patient_grace):
    app = serve("all,-server_timeouts")
    ask(app, *[("GET", "/read")] * FAILURES_MAX)
    slow_answers = ask(app, *[("GET", "/slow")] * FAILURES_MAX, headers={"X-Deadline-S": "0.2"})
    assert {answer.json["detail"] for answer, _ in slow_answers} == {"unavailable: deadline"}
    assert ask(app, ("GET", "/read"))[0][0].status_code == 200


def test_a_slow_query_that_is_given_up_keeps_its_connection_and_stops_on_the_server(
    serve, server, patient_grace
):
    app = serve("all,-server_timeouts")
    ask(app, ("GET", "/read"))
    before = backends(app)
    ask(app, ("GET", "/slow"), headers={"X-Deadline-S": "0.2"})
    assert backends(app) == before
    assert before <= set(rows(server, "SELECT pid FROM pg_stat_activity"))
    assert (
        rows(server, "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)'")
        == []
    )


def backends(app: Flask) -> set[tuple[int]]:
    """Those of the connections that the pool of `app` has kept."""
    return {(record.dbapi_connection.info.backend_pid,) for record in app.extensions["engine"].pool._idle}


def test_eight_requests_at_once_with_one_key_have_one_effect_and_one_answer(serve, server):
    app = serve()
    answers = [
        answer
        for answer, _ in ask(app, *[("POST", "/effects")] * 8, json={}, headers={"Idempotency-Key": "k"})
    ]
    assert [answer.json for answer in answers if answer.status_code == 200] >= [{"id": 1}]
    assert all(answer.json == {"id": 1} for answer in answers if answer.status_code == 200)
    assert all("under way" in answer.json["detail"] for answer in answers if answer.status_code != 200)
    assert rows(server, "SELECT count(*) FROM effects") == [(1,)]


def test_without_idempotency_they_have_eight(serve, server):
    ask(serve("all,-idempotency"), *[("POST", "/effects")] * 8, json={}, headers={"Idempotency-Key": "k"})
    assert rows(server, "SELECT count(*) FROM effects") == [(8,)]


def test_a_write_given_up_before_its_commit_says_that_nothing_was_done(serve, server):
    headers = {"Idempotency-Key": "k", "X-Deadline-S": "0.1"}
    answer = ask(serve(), ("POST", "/effects"), json={"sleep_s": 0.5}, headers=headers)[0][0]
    assert (answer.status_code, answer.json["effect"]) == (503, "none")
    assert rows(server, "SELECT count(*) FROM effects") == [(0,)]


def test_a_commit_or_a_write_that_commits_for_itself_may_have_an_effect(proxy, serve):
    app = serve()
    effect = sa.text("INSERT INTO effects (what) VALUES ('x')")
    with app.test_request_context():
        session().execute(sa.text("SELECT 1"))
        assert "effect_is_possible" not in g
        session().execute(effect)
        assert g.effect_is_possible
    with app.test_request_context():
        with one_transaction.begin(session()) as connection:
            connection.execute(effect)
            assert "effect_is_possible" not in g
        assert g.effect_is_possible


CROSSWISE = [("POST", "/transfers/1/2"), ("POST", "/transfers/2/1")]


def test_a_deadlock_is_retried_until_both_transfers_are_done(proxy, serve):
    app = serve("all,-lock_order")
    assert [answer.status_code for answer, _ in ask(app, *CROSSWISE)] == [200, 200]
    assert sample(app, "retries_total", what="transaction") >= 1


def test_without_retry_one_of_them_fails_and_certainly_had_no_effect(serve, server):
    answers = ask(serve("all,-lock_order,-transaction_retry"), *CROSSWISE)
    assert sorted(answer.status_code for answer, _ in answers) == [200, 503]
    (failed,) = (answer.json for answer, _ in answers if answer.status_code == 503)
    assert (failed["detail"], failed["effect"]) == ("unavailable: deadlock", "none")
    assert rows(server, "SELECT sum(cents), max(cents) FROM wallets") == [(2000, 1001)]


def test_in_lock_order_there_is_no_deadlock_to_retry(proxy, serve):
    app = serve()
    assert {answer.status_code for answer, _ in ask(app, *CROSSWISE * 4)} == {200}
    assert sample(app, "retries_total", what="transaction") == 0


def test_with_everything_off_the_wait_outlasts_the_budget_as_in_the_naive_twin(proxy, serve):
    app = serve("none")
    proxy.holding = True
    done = threading.Event()

    def wait_in_vain():
        app.test_client().get("/read", headers={"X-Deadline-S": "0.1"})
        done.set()

    threading.Thread(target=wait_in_vain, daemon=True).start()
    assert not done.wait(0.1 + 3 * deadline.GRACE_S)
