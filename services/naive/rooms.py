"""Rooms, and when they are taken."""

from flask import Blueprint, jsonify, request
from sqlalchemy import text

from services.common.fields import a_day, a_text, read
from services.common.problems import not_found
from services.common.rows import as_json
from services.naive.db import connection

routes = Blueprint("rooms", __name__)

SEARCH = text(
    "SELECT id, name, hourly_price_cents FROM rooms WHERE strpos(lower(name), lower(:q)) > 0 ORDER BY id LIMIT 100"
)
TAKEN = text(
    "SELECT bookings.starts_at, bookings.ends_at FROM rooms LEFT JOIN bookings ON bookings.room_id = rooms.id"
    " AND status <> 'cancelled' AND starts_at < :date + interval '1 day' AND ends_at > :date"
    " WHERE rooms.id = :room_id ORDER BY starts_at"
)


@routes.get("/rooms/")
def list_rooms():
    q = read("q", a_text(80, shortest=0), request.args.get("q", ""))
    with connection() as db:
        rooms = [as_json(row) for row in db.execute(SEARCH, {"q": q})]
    return jsonify(items=rooms)


@routes.get("/rooms/<int:room_id>/availability/")
def get_availability(room_id):
    date = read("date", a_day, request.args.get("date"))
    with connection() as db:
        found = db.execute(TAKEN, {"room_id": room_id, "date": date}).all()
    if not found:
        raise not_found("such room")
    taken = [as_json(row) for row in found if row.starts_at]  # a room without bookings has one row, empty
    return jsonify(room_id=room_id, date=date.isoformat(), taken=taken)
