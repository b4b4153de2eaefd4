"""Reports: how much the rooms are used."""

import psycopg
from flask import Blueprint, current_app, jsonify
from psycopg.rows import dict_row

routes = Blueprint("reports", __name__)

UTILISATION = """
    SELECT rooms.id AS room_id, name,
           coalesce(sum(extract(epoch FROM ends_at - starts_at)) / 3600, 0)::float AS booked_hours
    FROM rooms LEFT JOIN bookings ON bookings.room_id = rooms.id AND status = 'confirmed'
    GROUP BY rooms.id ORDER BY rooms.id
"""


@routes.get("/reports/utilisation/")
def get_utilisation():
    return jsonify(items=utilisation())


def utilisation():
    """Each room, with the number of hours for which it is booked."""
    # Just this one query, and it needs no models: plain SQL on a plain connection.
    with psycopg.connect(current_app.config["DATABASE_URL"], row_factory=dict_row) as db:
        return db.execute(UTILISATION).fetchall()
