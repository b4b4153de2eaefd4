"""Reports: how well the rooms are used."""

from flask import Blueprint, jsonify
from sqlalchemy import text

from services.common.rows import as_json
from services.naive.db import connection

routes = Blueprint("reports", __name__)

UTILISATION = text(
    "SELECT rooms.id AS room_id, name,"
    " coalesce(sum(extract(epoch FROM ends_at - starts_at)) / 3600, 0)::float AS booked_hours"
    " FROM rooms LEFT JOIN bookings ON bookings.room_id = rooms.id AND status = 'confirmed'"
    " GROUP BY rooms.id ORDER BY rooms.id"
)


@routes.get("/reports/utilisation/")
def get_utilisation():
    with connection() as db:
        rooms = [as_json(row) for row in db.execute(UTILISATION)]
    return jsonify(items=rooms)
