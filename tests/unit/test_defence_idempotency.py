"""The decorator, on SQLite; that two requests at once have one effect is tested on PostgreSQL."""

import pytest
import sqlalchemy as sa
from flask import g, request
from sqlalchemy.orm import Session

from services.common.problems import conflict
from services.defences import one_transaction
from services.defences.idempotency import KEY_LENGTH_MAX, header, once
from tests.defended import defended

TABLES = """
CREATE TABLE idempotency (key text, route text, fingerprint text, body text, PRIMARY KEY (key, route));
CREATE TABLE effects (id integer PRIMARY KEY, what text);
"""


class Database:
    """One session for each request, as the twin has it."""

    def __init__(self) -> None:
        self.engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
        with self.engine.begin() as connection:
            for statement in filter(str.strip, TABLES.split(";")):
                connection.execute(sa.text(statement))

    def session(self) -> Session:
        if "session" not in g:
            g.session = Session(self.engine)
        return g.session

    def effects(self) -> list[str]:
        with self.engine.begin() as connection:
            return list(connection.execute(sa.text("SELECT what FROM effects")).scalars())


def served(defences: str):
    """(client, database) of an app whose POST /things/<name> has one effect, and fails after it when told to."""
    app = defended(defences)
    database = Database()
    app.extensions["session"] = database.session

    @app.post("/things/<name>")
    def create(name):
        return have_effect(name)

    @once
    def have_effect(name):
        with one_transaction.begin(database.session()) as connection:
            effect = connection.execute(sa.text("INSERT INTO effects (what) VALUES (:name)"), {"name": name})
            if request.json.get("taken"):
                raise conflict("taken")
            return {"id": effect.lastrowid, "what": name}

    return app.test_client(), database


def post(client, path, key="k1", **body):
    return client.post(path, json=body, headers={"Idempotency-Key": key} if key else {})


def test_the_same_key_has_its_effect_once_and_the_same_answer_every_time():
    client, database = served("none,+idempotency")
    answers = [post(client, "/things/a").json for _ in range(3)]
    assert answers == [{"id": 1, "what": "a"}] * 3
    assert database.effects() == ["a"]


@pytest.mark.parametrize(("path", "body"), [("/things/a", {"other": 1}), ("/things/b", {})])
def test_the_same_key_for_another_request_is_refused(path, body):
    client, database = served("none,+idempotency")
    post(client, "/things/a")
    answer = post(client, path, **body)
    assert (answer.status_code, database.effects()) == (422, ["a"])
    assert "Idempotency-Key" in answer.json["detail"]


def test_a_failure_takes_claim_and_effect_back_so_that_the_key_can_be_used_again():
    client, database = served("none,+idempotency")
    assert post(client, "/things/a", taken=True).status_code == 409
    assert database.effects() == []
    assert post(client, "/things/a").status_code == 200


def test_another_key_is_another_intent_and_none_is_none():
    client, database = served("none,+idempotency")
    for key in ("k1", "k2", None, None):
        post(client, "/things/a", key)
    assert database.effects() == ["a"] * 4


def test_a_key_that_is_too_long_is_refused():
    client, database = served("none,+idempotency")
    assert post(client, "/things/a", "k" * (KEY_LENGTH_MAX + 1)).status_code == 422
    assert database.effects() == []


def test_calls_to_other_services_carry_a_key_too():
    with defended("none,+idempotency").app_context():
        assert header("k1") == {"Idempotency-Key": "k1"}
    with defended("all,-idempotency").app_context():
        assert header("k1") == {}


def test_off_each_request_has_its_effect():
    client, database = served("all,-idempotency")
    post(client, "/things/a")
    post(client, "/things/a")
    assert database.effects() == ["a", "a"]
