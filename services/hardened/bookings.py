"""Bookings: a user takes a room for a time, and pays for it."""

from datetime import timedelta

from flask import Blueprint, jsonify
from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from services.common.models import Booking, Room, User
from services.common.problems import conflict, not_found, unprocessable
from services.common.slots import price_cents
from services.defences import honest_errors, idempotency, one_transaction, owner_checks, transaction_retry
from services.defences.switch import switchable
from services.hardened import inputs, payments
from services.hardened.db import session

routes = Blueprint("bookings", __name__)

PAYING_TAKES_AT_MOST = timedelta(seconds=60)


@routes.post("/bookings/")
def create_booking():
    slot = inputs.slot()
    owner_checks.require(slot["user_id"])
    booking = reserve(slot)
    charge = payments.charge(booking["reference"], booking["price_cents"])
    confirmed = confirm(booking, charge["id"])
    return jsonify(confirmed), 201, honest_errors.location(".get_booking", booking_id=confirmed["id"])


@switchable
@transaction_retry.retried
@idempotency.once
def reserve(slot):
    """The booking to pay for, if the room is free."""
    with one_transaction.begin(session()) as db:
        price = select(Room.hourly_price_cents).where(Room.id == slot["room_id"])
        hourly_price_cents = db.scalar(price.where(exists().where(User.id == slot["user_id"])))
        if hourly_price_cents is None:
            raise unprocessable("there is no such user or room", "unknown_user_or_room")
        booking = slot | {"status": "pending", "price_cents": price_cents(slot, hourly_price_cents)}
        # Written before paying: the constraint lets one through, however many saw the room free.
        written = insert(Booking).values(booking).on_conflict_do_nothing().returning(Booking)
        reserved = db.scalar(written)
        given_up = update(Booking).where(
            Booking.room_id == slot["room_id"],
            Booking.status == "pending",
            Booking.starts_at < slot["ends_at"],
            Booking.ends_at > slot["starts_at"],
            Booking.created_at < func.now() - PAYING_TAKES_AT_MOST,
        )
        if reserved is None and db.scalars(given_up.values(status="cancelled").returning(Booking.id)).all():
            reserved = db.scalar(written)
        if reserved is None:
            raise conflict("the room is taken at that time", "room_taken")
        return reserved.to_dict()


@switchable
def confirm(booking, charge_id):
    """The booking, now paid for."""
    paid = update(Booking).where(Booking.id == booking["id"], Booking.status != "cancelled")
    with one_transaction.begin(session()) as db:
        confirmed = db.scalar(paid.values(status="confirmed", charge_id=charge_id).returning(Booking))
        if confirmed is None:
            raise conflict("paid for too late: the room was given to another")
        return confirmed.to_dict()


@routes.get("/bookings/<int:booking_id>/")
def get_booking(booking_id):
    booking = session().get(Booking, booking_id)
    if booking is None:
        raise not_found("such booking")
    owner_checks.require(booking.user_id)
    return jsonify(booking.to_dict())


@routes.delete("/bookings/<int:booking_id>/")
def cancel_booking(booking_id):
    with one_transaction.begin(session()) as db:
        cancelled = update(Booking).where(Booking.id == booking_id).values(status="cancelled")
        owner = db.scalar(cancelled.returning(Booking.user_id))
        if owner is None:
            raise not_found("such booking")
        owner_checks.require(owner)
    return "", 204
