"""Bookings: a user takes a room for a time, and pays for it."""

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
    booking = reserve(inputs.slot())
    charge = payments.charge(booking["reference"], booking["price_cents"])
    return jsonify(confirm(booking, charge["id"])), 201


def reserve(slot):
    """The booking to pay for, if the room is free."""
    db = session()
    room, user = db.get(Room, slot["room_id"]), db.get(User, slot["user_id"])
    if room is None or user is None:
        raise unprocessable("there is no such user or room", "unknown_user_or_room")
    # Asked right before writing, and payment takes but a moment.
    overlapping = select(Booking).where(
        Booking.room_id == room.id,
        Booking.status != "cancelled",
        Booking.starts_at < slot["ends_at"],
        Booking.ends_at > slot["starts_at"],
    )
    if db.scalars(overlapping).first():
        raise conflict("the room is taken at that time", "room_taken")
    return slot | {"price_cents": price_cents(slot, room.hourly_price_cents)}


def confirm(booking, charge_id):
    """The booking, now paid for."""
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
    db = session()
    booking = db.get(Booking, booking_id)
    if booking is None:
        raise not_found("such booking")
    booking.status = "cancelled"
    db.commit()
    return "", 204
