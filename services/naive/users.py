"""Users, and what they have booked."""

from flask import Blueprint, jsonify, request
from sqlalchemy import text

from services.common.fields import ID_MAX, a_number, one_of, read
from services.common.rows import as_json
from services.naive.bookings import COLUMNS
from services.naive.db import connection

routes = Blueprint("users", __name__)

PAGE = text("SELECT id, name, email FROM users WHERE id > :after ORDER BY id LIMIT :limit")
BOOKINGS = text(f"SELECT {COLUMNS} FROM bookings WHERE user_id = :user_id ORDER BY id")


@routes.get("/users/")
def list_users():
    include = read("include", one_of("", "bookings"), request.args.get("include", ""))
    limit = read("limit", a_number(1, 100), request.args.get("limit", "20"))
    after = read("after", a_number(0, ID_MAX), request.args.get("after", "0"))
    with connection() as db:
        users = [as_json(row) for row in db.execute(PAGE, {"after": after, "limit": limit})]
        if include == "bookings":
            add_bookings(db, users)
    return jsonify(items=users, next=users[-1]["id"] if len(users) == limit else None)


def add_bookings(db, users):
    """Give each of `users` its list of bookings."""
    # Plain to read, and each query takes a fraction of a millisecond.
    for user in users:
        user["bookings"] = [as_json(row) for row in db.execute(BOOKINGS, {"user_id": user["id"]})]


@routes.get("/users/<int:user_id>/bookings/")
def list_bookings(user_id):
    with connection() as db:
        bookings = [as_json(row) for row in db.execute(BOOKINGS, {"user_id": user_id})]
    return jsonify(items=bookings)
