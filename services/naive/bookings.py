"""Bookings: a user takes a room for a time, and pays for it."""

from flask import Blueprint, jsonify
from sqlalchemy import text

from services.common.problems import conflict, not_found
from services.common.rows import as_json
from services.common.slots import price_cents, wanted_slot
from services.naive import payments
from services.naive.db import connection

routes = Blueprint("bookings", __name__)

COLUMNS = "id, user_id, room_id, starts_at, ends_at, status, price_cents, reference, charge_id"

PRICE = text("SELECT hourly_price_cents FROM rooms, users WHERE rooms.id = :room_id AND users.id = :user_id")
OVERLAPPING = text(
    "SELECT id FROM bookings WHERE room_id = :room_id AND status <> 'cancelled'"
    " AND starts_at < :ends_at AND ends_at > :starts_at LIMIT 1"
)
INSERT = text(
    "INSERT INTO bookings (user_id, room_id, starts_at, ends_at, status, price_cents, reference, charge_id)"
    " VALUES (:user_id, :room_id, :starts_at, :ends_at, 'confirmed', :price_cents, :reference, :charge_id)"
    f" RETURNING {COLUMNS}"
)
SELECT = text(f"SELECT {COLUMNS} FROM bookings WHERE id = :id")
CANCEL = text("UPDATE bookings SET status = 'cancelled' WHERE id = :id")


@routes.post("/bookings/")
def create_booking():
    booking = reserve(wanted_slot())
    charge = payments.charge(booking["reference"], booking["price_cents"])
    return jsonify(confirm(booking, charge["id"])), 201


def reserve(slot):
    """The booking to pay for, if the room is free."""
    with connection() as db:
        room = db.execute(PRICE, slot).first()
        if room is None:
            raise not_found("such user or room")
        # Asked right before writing, and payment takes but a moment.
        if db.execute(OVERLAPPING, slot).first():
            raise conflict("the room is taken at that time")
        return slot | {"price_cents": price_cents(slot, room.hourly_price_cents)}


def confirm(booking, charge_id):
    """The booking, now paid for."""
    with connection() as db:
        return as_json(db.execute(INSERT, booking | {"charge_id": charge_id}).one())


@routes.get("/bookings/<int:booking_id>/")
def get_booking(booking_id):
    with connection() as db:
        booking = db.execute(SELECT, {"id": booking_id}).first()
    if booking is None:
        raise not_found("such booking")
    return jsonify(as_json(booking))


@routes.delete("/bookings/<int:booking_id>/")
def cancel_booking(booking_id):
    with connection() as db:
        if db.execute(CANCEL, {"id": booking_id}).rowcount == 0:
            raise not_found("such booking")
    return "", 204
