"""Holds: a note that a user, still deciding, may want a room. A hold blocks nobody; it is a promise to remember."""

from flask import Blueprint, current_app, jsonify

from services.common.models import Hold
from services.common.problems import not_found
from services.naive import inputs

routes = Blueprint("holds", __name__)


def init_app(app):
    app.extensions["holds"] = {}


@routes.post("/holds/")
def create_hold():
    return jsonify(remember(inputs.slot())), 201


@routes.get("/holds/<int:hold_id>/")
def get_hold(hold_id):
    hold = recall(hold_id)
    if hold is None:
        raise not_found("such hold")
    return jsonify(hold)


def remember(slot):
    """The hold, with its id."""
    # A hold lives for minutes: not worth a row.
    holds = current_app.extensions["holds"]
    hold_id = len(holds) + 1
    holds[hold_id] = Hold(id=hold_id, **slot).to_dict()
    return holds[hold_id]


def recall(hold_id):
    """The hold, or None."""
    return current_app.extensions["holds"].get(hold_id)
