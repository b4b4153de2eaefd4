"""The payments company: the third party that gets slow. In memory, one process, no state survives a restart.

The same Idempotency-Key always answers the same charge, so a caller that does not know may ask again.
"""

import itertools
import threading

from flask import Flask, jsonify, request


def create_app():
    """The payments API as a WSGI application."""
    app = Flask(__name__)
    charges = []
    charge_by_key: dict[str, dict] = {}
    ids = itertools.count(1)
    lock = threading.Lock()

    @app.post("/charges")
    def create_charge():
        asked = request.get_json()
        key = request.headers.get("Idempotency-Key", "")
        with lock:
            charge = charge_by_key.get(key)
            if charge is None:
                charge = {
                    "id": f"ch_{next(ids)}",
                    "reference": asked["reference"],
                    "amount_cents": asked["amount_cents"],
                }
                charges.append(charge)
                if key:
                    charge_by_key[key] = charge
        return jsonify(charge), 201

    @app.get("/charges")
    def list_charges():
        with lock:
            return jsonify(items=list(charges))

    @app.get("/healthz")
    def healthz():
        padding = min(request.args.get("bytes", 0, type=int), 1_000_000)
        return jsonify(status="ok", padding="x" * padding)

    return app
