"""Reports: how much the rooms are used."""

from flask import Blueprint, jsonify
from sqlalchemy import text

from services.defences import owner_checks, transaction_retry
from services.defences.switch import switchable
from services.hardened.db import session

routes = Blueprint("reports", __name__)

UTILISATION = """
    SELECT rooms.id AS room_id, name,
           coalesce(sum(extract(epoch FROM ends_at - starts_at)) / 3600, 0)::float AS booked_hours
    FROM rooms LEFT JOIN bookings ON bookings.room_id = rooms.id AND status = 'confirmed'
    GROUP BY rooms.id ORDER BY rooms.id
"""


@routes.get("/reports/utilisation/")
def get_utilisation():
    owner_checks.require_operator()
    return jsonify(items=utilisation())


@switchable
@transaction_retry.repeated
def utilisation():
    """Each room, with the number of hours for which it is booked."""
    # Plain SQL, but on a pooled connection: already open, counted towards the limit, and every wait on it is bounded.
    return [dict(room) for room in session().execute(text(UTILISATION)).mappings()]
