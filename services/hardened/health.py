"""What machines ask: is the process alive, should it get requests, how is it doing?"""

from flask import Blueprint, jsonify

from services.common import metrics
from services.defences import readiness
from services.defences.switch import switchable

routes = Blueprint("health", __name__)


@routes.get("/healthz")
def healthz():
    return jsonify(status="ok")


@routes.get("/readyz")
def readyz():
    why_not = obstacle()
    return jsonify(status=why_not or "ok"), 503 if why_not else 200


@routes.get("/metrics")
def get_metrics():
    return metrics.exposition()


@switchable
def obstacle():
    """Why this instance should get no requests, in one word; "" if it should get them."""
    return readiness.obstacle()
