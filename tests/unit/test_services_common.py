import json
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask, g, request
from itsdangerous import URLSafeSerializer

from services.common import auth, logs, metrics, problems
from services.common.problems import conflict
from services.common.slots import price_cents

ROOT = Path(__file__).parents[2]
KEY = "secret"
TOKEN = {"Authorization": f"Bearer {auth.token(KEY, operator=True)}"}


@pytest.fixture
def app():
    """An app with all that both twins share."""
    app = Flask("common")
    app.config["TOKEN_KEY"] = KEY
    for part in (problems, logs, metrics, auth):
        part.init_app(app)
    app.add_url_rule("/metrics", view_func=metrics.exposition)

    @app.post("/things/<int:number>/")
    def create(number):
        if number == 9:
            raise conflict("nine is taken", "nine")
        if number == 0:
            return {"inverse": 1 / number}
        return dict(request.json)

    return app


@pytest.fixture
def client(app):
    return app.test_client()


FORGED = auth.token("another key", operator=True)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer wrong",
        f"Bearer {FORGED}",
        f"Basic {auth.token(KEY, operator=True)}",
        f"Bearer {auth.token(KEY, operator=True)[:-1]}",
        f"Bearer {auth.token(KEY, operator=True, surprise=1)}",
        f"Bearer {URLSafeSerializer(KEY, salt='another').dumps({'operator': True})}",
        f"Bearer {URLSafeSerializer(KEY, salt=auth.SALT).dumps([1])}",
        "Bearer \xff\xfe.\x80",
        "Bearer " + "." * 8_000,
        "Basic \xff",
        'Digest nonce="x',
    ],
)
def test_without_a_genuine_token_there_is_no_entry(client, header):
    answer = client.get("/things/1/", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_names_a_user_who_acts_for_nobody_else_or_an_operator_who_may(app):
    for members, own, others in (
        ({"user_id": 7}, True, False),
        ({"operator": True}, True, True),
        ({}, False, False),
    ):
        header = {"Authorization": f"Bearer {auth.token(KEY, **members)}"}
        with app.test_request_context("/things/1/", headers=header):
            app.preprocess_request()
            assert (g.caller.may_act_for(7), g.caller.may_act_for(8)) == (own, others)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "members"),
    [([], {"operator": True}), (["--user", "7"], {"user_id": 7}), (["--user", "0"], {"user_id": 0})],
)
def test_whoever_has_the_key_makes_a_token_by_hand(arguments, members):
    command = [sys.executable, "-m", "services.common.auth", *arguments]
    made = subprocess.run(
        command, env={"TOKEN_KEY": KEY}, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert made.stdout.strip() == auth.token(KEY, **members)


def test_machines_probe_without_a_token(client):
    assert client.get("/metrics").status_code == 200


def test_every_error_is_a_problem_document_with_the_id_of_its_request(client):
    cases = {
        "/nowhere/": ("GET", 404),
        "/things/1/": ("GET", 405),
        "/things/2/": ("POST", 415),
        "/things/9/": ("POST", 409),
        "/things/0/": ("POST", 500),
    }
    for path, (method, status) in cases.items():
        answer = client.open(path, method=method, headers=TOKEN | {"X-Request-Id": "r-1"})
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
        assert (answer.json["status"], answer.json["request_id"]) == (status, "r-1")
        assert "effect" not in answer.json
    assert "POST" in client.get("/things/1/", headers=TOKEN).headers["Allow"]


def test_an_unexpected_error_is_logged_with_its_traceback_but_not_told_to_the_client(client, capsys):
    answer = client.post("/things/0/", headers=TOKEN)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "ZeroDivisionError" not in answer.text
    assert [line["event"] for line in lines] == ["unhandled", "request"]
    assert "1 / number" in lines[0]["exception"]
    assert {line["request_id"] for line in lines} == {answer.headers["X-Request-Id"]}


def test_each_request_is_one_line(client, capsys):
    client.post("/things/9/", headers=TOKEN | {"X-Request-Id": "r-2"})
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["request_id"], line["path"], line["status"], line["reason"]) == (
        "r-2",
        "/things/9/",
        409,
        "nine",
    )
    assert line["duration_ms"] >= 0


@pytest.mark.parametrize("given", ["", "x" * 129, "two words", 'a"b'])
def test_a_request_id_that_would_spoil_the_log_is_replaced(client, given):
    answered = client.get("/metrics", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert answered != given
    assert len(answered) == 32


TRACE = "00-" + "a1" * 16 + "-" + "b2" * 8 + "-01"


def test_a_trace_is_named_in_the_log_and_goes_on_with_the_request_id(app, client, capsys):
    app.add_url_rule("/passed/", view_func=logs.identity)
    sent = {"X-Request-Id": "r-3", "traceparent": TRACE}
    assert client.get("/passed/", headers=TOKEN | sent).json == sent
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert line["trace_id"] == "a1" * 16


@pytest.mark.parametrize(
    "given", ["", "x", TRACE + "-", TRACE.upper(), TRACE.replace("a1", "00"), "01" + TRACE[2:]]
)
def test_what_is_no_trace_is_ignored(app, client, capsys, given):
    app.add_url_rule("/passed/", view_func=logs.identity)
    passed = client.get("/passed/", headers=TOKEN | {"traceparent": given})
    assert passed.json.keys() == {"X-Request-Id"}
    assert "trace_id" not in capsys.readouterr().out


def test_no_path_or_method_makes_a_log_line_of_its_own_or_a_long_one(client, capsys):
    client.open(
        "/a%0A%7B%22event%22:%22forged%22%7D%0D%1B%5B2J/" + "x" * 3_000, method="X" * 900, headers=TOKEN
    )
    (line,) = capsys.readouterr().out.splitlines()
    assert line.isprintable()
    assert len(line) < 600


def test_invented_methods_make_one_series_and_are_logged_as_other(app, client, capsys):
    for number in range(300):
        assert client.open("/things/1/", method=f"INVENTED{number}", headers=TOKEN).status_code == 405
    (series,) = [
        line for line in client.get("/metrics").text.splitlines() if line.startswith("http_requests_total{")
    ]
    assert 'method="other"' in series
    assert series.endswith(" 300.0")
    assert "INVENTED" not in capsys.readouterr().out


def test_invented_paths_make_one_series(client):
    for number in range(300):
        client.get(f"/{number}/", headers=TOKEN)
    series = [
        line for line in client.get("/metrics").text.splitlines() if line.startswith("http_requests_total{")
    ]
    assert len(series) == 1


def test_a_problem_says_what_else_the_app_has_to_say(client, app):
    assert "reason" not in client.post("/things/9/", headers=TOKEN).json
    app.extensions["problem_members"] = lambda problem: {"reason": problem.reason}
    assert client.post("/things/9/", headers=TOKEN).json["reason"] == "nine"


def test_requests_are_counted_by_route_method_code_and_reason(app, client):
    for number in (9, 9, 0):
        client.post(f"/things/{number}/", headers=TOKEN)
    text = client.get("/metrics").text
    route = 'route="/things/<int:number>/"'
    assert f'http_requests_total{{code="409",method="POST",reason="nine",{route}}} 2.0' in text
    assert f'http_requests_total{{code="500",method="POST",reason="ZeroDivisionError",{route}}} 1.0' in text
    assert f"http_request_duration_seconds_count{{{route}}} 3.0" in text
    assert "http_requests_in_flight 1.0" in text  # this very one
    assert "worker_starts_total 1.0" in text


def test_statements_and_connections_are_counted(app):
    engine = sa.create_engine("sqlite://", poolclass=sa.QueuePool)
    metrics.instrument(engine, app)
    registry = app.extensions["metrics"].registry
    with app.test_request_context("/things/1/", method="POST"):
        connection = engine.connect()
        connection.execute(sa.text("SELECT 1"))
        connection.execute(sa.text("SELECT 2"))
        assert registry.get_sample_value("db_pool_in_use") == 1
        connection.invalidate()
        connection.close()
    assert registry.get_sample_value("sql_statements_total", {"route": "/things/<int:number>/"}) == 2
    assert registry.get_sample_value("db_pool_in_use") == 0


def test_a_reconnect_that_fails_is_no_connection_in_use(app):
    files = iter([":memory:", "/nowhere/at/all"])
    engine = sa.create_engine(
        "sqlite://", poolclass=sa.QueuePool, creator=lambda: sqlite3.connect(next(files))
    )
    metrics.instrument(engine, app)
    with app.test_request_context():
        with engine.connect() as connection:
            connection.invalidate()
        with pytest.raises(sa.exc.OperationalError):
            engine.connect()
    assert app.extensions["metrics"].registry.get_sample_value("db_pool_in_use") == 0


@pytest.mark.parametrize(
    ("length", "cents"),
    [
        (timedelta(hours=1), 1_100),
        (timedelta(hours=1, minutes=30), 1_650),
        (timedelta(seconds=10), 3),
        (timedelta(seconds=1), 1),
        (timedelta(microseconds=1), 1),
    ],
)
def test_a_slot_is_paid_for_by_the_second_and_none_is_free(length, cents):
    starts_at = datetime(2030, 1, 1, tzinfo=UTC)
    assert price_cents({"starts_at": starts_at, "ends_at": starts_at + length}, 1_100) == cents
