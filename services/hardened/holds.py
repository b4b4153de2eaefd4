"""Holds: a note that a user, still deciding, may want a room. A hold blocks nobody; it is a promise to remember."""

from flask import Blueprint, jsonify

from services.common.models import Hold
from services.common.problems import not_found
from services.defences import honest_errors, idempotency, one_transaction, owner_checks, transaction_retry
from services.defences.switch import switchable
from services.hardened import inputs
from services.hardened.db import session

routes = Blueprint("holds", __name__)


def init_app(app):
    app.extensions["holds"] = {}


@routes.post("/holds/")
def create_hold():
    slot = inputs.slot()
    owner_checks.require(slot["user_id"])
    hold = remember(slot)
    return jsonify(hold), 201, honest_errors.location(".get_hold", hold_id=hold["id"])


@routes.get("/holds/<int:hold_id>/")
def get_hold(hold_id):
    hold = recall(hold_id)
    if hold is None:
        raise not_found("such hold")
    owner_checks.require(hold["user_id"])
    return jsonify(hold)


@switchable
@transaction_retry.retried
@idempotency.once
def remember(slot):
    """The hold, with its id."""
    # In the database: a dict dies with its worker, and the other workers never see it.
    with one_transaction.begin(session()) as db:
        hold = Hold(**slot)
        db.add(hold)
        db.flush()
        return hold.to_dict()


@switchable
def recall(hold_id):
    """The hold, or None."""
    hold = session().get(Hold, hold_id)
    return hold and hold.to_dict()
