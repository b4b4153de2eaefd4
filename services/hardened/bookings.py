"""Bookings: a user takes a room for a time, and pays for it."""

from flask import Blueprint, jsonify
from sqlalchemy import text

from services.common.problems import conflict, not_found
from services.common.rows import as_json
from services.common.slots import price_cents, wanted_slot
from services.defences import constraints, idempotency, transaction_retry
from services.hardened import payments
from services.hardened.db import connection, transaction
from services.naive import bookings as naive

routes = Blueprint("bookings", __name__)

COLUMNS = "id, user_id, room_id, starts_at, ends_at, status, price_cents, reference, charge_id"

PRICE = text("SELECT hourly_price_cents FROM rooms, users WHERE rooms.id = :room_id AND users.id = :user_id")
EXPIRE = text(
    "UPDATE bookings SET status = 'cancelled' WHERE room_id = :room_id AND status = 'pending'"
    " AND starts_at < :ends_at AND ends_at > :starts_at AND created_at < now() - interval '60 seconds'"
)
INSERT = text(
    "INSERT INTO bookings (user_id, room_id, starts_at, ends_at, status, price_cents, reference)"
    " VALUES (:user_id, :room_id, :starts_at, :ends_at, 'pending', :price_cents, :reference)"
    f" ON CONFLICT DO NOTHING RETURNING {COLUMNS}"
)
CONFIRM = text(
    "UPDATE bookings SET status = 'confirmed', charge_id = :charge_id WHERE id = :id AND status <> 'cancelled'"
    f" RETURNING {COLUMNS}"
)
SELECT = text(f"SELECT {COLUMNS} FROM bookings WHERE id = :id")
CANCEL = text("UPDATE bookings SET status = 'cancelled' WHERE id = :id")


@routes.post("/bookings/")
def create_booking():
    booking = reserve(wanted_slot())
    charge = payments.charge(booking["reference"], booking["price_cents"])
    return jsonify(confirm(booking, charge["id"])), 201


@constraints.instead_of(naive.reserve)
@transaction_retry.retried
@idempotency.once
def reserve(slot):
    """The booking to pay for, if the room is free."""
    with transaction() as db:
        room = db.execute(PRICE, slot).first()
        if room is None:
            raise not_found("such user or room")
        booking = slot | {"price_cents": price_cents(slot, room.hourly_price_cents)}
        # Written before paying: the constraint lets one through, however many saw the room free.
        reserved = db.execute(INSERT, booking).first()
        if reserved is None and db.execute(EXPIRE, slot).rowcount:  # someone never came back from paying
            reserved = db.execute(INSERT, booking).first()
        if reserved is None:
            raise conflict("the room is taken at that time")
        return as_json(reserved)


@constraints.instead_of(naive.confirm)
def confirm(booking, charge_id):
    """The booking, now paid for."""
    with connection() as db:
        confirmed = db.execute(CONFIRM, booking | {"charge_id": charge_id}).first()
    if confirmed is None:
        raise conflict("paid for too late: the room was given to another")
    return as_json(confirmed)


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
