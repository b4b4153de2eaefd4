"""Holds: a room kept for a user who is still deciding. A hold stops nobody; it is a promise to remember."""

from flask import Blueprint, jsonify
from sqlalchemy import text

from services.common.problems import not_found
from services.common.rows import as_json
from services.common.slots import wanted_slot
from services.defences import durable_state, idempotency
from services.hardened.db import connection, transaction
from services.naive import holds as naive

routes = Blueprint("holds", __name__)

COLUMNS = "id, user_id, room_id, starts_at, ends_at, reference"

INSERT = text(
    "INSERT INTO holds (user_id, room_id, starts_at, ends_at, reference)"
    f" VALUES (:user_id, :room_id, :starts_at, :ends_at, :reference) RETURNING {COLUMNS}"
)
SELECT = text(f"SELECT {COLUMNS} FROM holds WHERE id = :id")


def init_app(app):
    app.extensions["holds"] = {}


@routes.post("/holds/")
def create_hold():
    return jsonify(remember(wanted_slot())), 201


@routes.get("/holds/<int:hold_id>/")
def get_hold(hold_id):
    hold = recall(hold_id)
    if hold is None:
        raise not_found("such hold")
    return jsonify(hold)


@durable_state.instead_of(naive.remember)
@idempotency.once
def remember(slot):
    """The hold, with its id."""
    # In the database: a dict dies with its worker, and the other worker never sees it.
    with transaction() as db:
        return as_json(db.execute(INSERT, slot).one())


@durable_state.instead_of(naive.recall)
def recall(hold_id):
    """The hold, or None."""
    with connection() as db:
        hold = db.execute(SELECT, {"id": hold_id}).first()
    return hold and as_json(hold)
