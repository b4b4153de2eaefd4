"""Bookings: a user books a room for a period, and pays for it."""

from flask import Blueprint, jsonify
from sqlalchemy import select

from services.common.models import Booking, Room, User
from services.common.problems import conflict, not_found, unprocessable
from services.common.slots import price_cents
from services.naive import inputs, payments
from services.naive.db import session

routes = Blueprint("bookings", __name__)


@routes.post("/bookings/")
def create_booking():
    booking = pay(reserve(inputs.slot()))
    return jsonify(booking), 201


def reserve(slot):
    """The booking to pay for, if the room is free."""
    db = session()
    room, user = db.get(Room, slot["room_id"]), db.get(User, slot["user_id"])
    if room is None or user is None:
        raise unprocessable("there is no such user or room", "unknown_user_or_room")
    ensure_free(db, slot)
    return slot | {"price_cents": price_cents(slot, room.hourly_price_cents)}


def ensure_free(db, slot):
    """Raise 409 if the room is taken at that time."""
    # Checked right before the write; the payment in between takes only a moment.
    overlapping = select(Booking).where(
        Booking.room_id == slot["room_id"],
        Booking.status != "cancelled",
        Booking.starts_at < slot["ends_at"],
        Booking.ends_at > slot["starts_at"],
    )
    if db.scalars(overlapping).first():
        raise conflict("the room is taken at that time", "room_taken")


def pay(booking):
    """The booking, now paid for."""
    charge = payments.charge(booking)
    return confirm(booking, charge["id"])


def confirm(booking, charge_id):
    """The booking, now confirmed."""
    db = session()
    confirmed = Booking(**booking, status="confirmed", charge_id=charge_id)
    db.add(confirmed)
    db.commit()
    return confirmed.to_dict()


@routes.get("/bookings/<int:booking_id>/")
def get_booking(booking_id):
    booking = session().get(Booking, booking_id)
    if booking is None:
        raise not_found("such booking")
    return jsonify(booking.to_dict())


@routes.delete("/bookings/<int:booking_id>/")
def cancel_booking(booking_id):
    booking = session().get(Booking, booking_id)
    if booking is None:
        raise not_found("such booking")
    cancel(booking_id)
    return "", 204


def cancel(booking_id):
    """Cancel the booking and return its id; the customer gets the money back."""
    db = session()
    booking = db.get(Booking, booking_id)
    if booking.status == "confirmed" and booking.charge_id:
        payments.refund(booking.to_dict())
    booking.status = "cancelled"
    db.commit()
    return {"id": booking_id}
