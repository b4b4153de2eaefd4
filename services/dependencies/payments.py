"""The payments company: the third party that becomes slow. PAYMENTS_FILE keeps its charges across restarts.

It behaves as a good API does, because the lesson is in the twins. It serves only callers with an operator's token. A
request repeated under its Idempotency-Key is done once and gets the same answer; with another body it is refused. A
charge is voided by the key under which it was requested, since a caller who never got the answer has no id. A voided
charge that is still on its way is refused when it arrives.
"""

import os

from flask import Blueprint, Flask, current_app, g, jsonify, request

from services.common import auth, problems
from services.common.problems import Problem, unprocessable
from services.dependencies.charges import Charges

HEADER = "Idempotency-Key"

routes = Blueprint("payments", __name__)


def create_app():
    """The payments API as a WSGI application."""
    app = Flask(__name__)
    app.config["TOKEN_KEY"] = os.environ["TOKEN_KEY"]
    app.extensions["charges"] = Charges(os.environ.get("PAYMENTS_FILE", ":memory:"))
    problems.init_app(app)
    auth.init_app(app)
    app.before_request(operators_only)
    app.register_blueprint(routes)
    return app


def operators_only():
    """A customer's token is genuine too, but customers must not touch other people's money."""
    if "caller" in g and not g.caller.operator:
        raise Problem(403, "only an operator may ask")


@routes.post("/charges")
def create_charge():
    asked = body(reference=str, amount_cents=int)
    return jsonify(charges().charge(key(), request.headers.get("X-Request-Id", ""), **asked)), 201


@routes.get("/charges")
def list_charges():
    return jsonify(items=charges().all())


@routes.post("/charges/<charge_id>/refunds")
def create_refund(charge_id):
    return jsonify(charges().refund(key(), charge_id, **body(amount_cents=int))), 201


@routes.post("/voids")
def create_void():
    """Undo the charge under this key, whatever became of it: the money goes back, and a late charge is refused."""
    return jsonify(charges().void(**body(idempotency_key=str)))


@routes.get("/healthz")
def healthz():
    padding = min(request.args.get("bytes", 0, type=int), 1_000_000)
    return jsonify(status="ok", padding="x" * padding)


def charges():
    return current_app.extensions["charges"]


def key():
    return request.headers.get(HEADER, "")


def body(**types):
    """The fields of the body; answers 422 if one is missing or has a wrong type."""
    asked = request.get_json()
    found = {name: type(value) for name, value in asked.items()} if isinstance(asked, dict) else {}
    if found != types or any("\ud800" <= letter <= "\udfff" for letter in "".join(map(str, asked.values()))):
        raise unprocessable(f"send {', '.join(types)}")
    return asked
