"""Bookings: a user books a room for a period, and pays for it."""

from flask import Blueprint, jsonify
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from services.common.models import Booking, Room, User
from services.common.problems import conflict, not_found, unprocessable
from services.common.slots import price_cents
from services.defences import (
    honest_errors,
    idempotency,
    one_transaction,
    owner_checks,
    saga,
    transaction_retry,
)
from services.defences.switch import switchable
from services.hardened import inputs, payments
from services.hardened.db import session

routes = Blueprint("bookings", __name__)


@routes.post("/bookings/")
def create_booking():
    slot = inputs.slot()
    owner_checks.require(slot["user_id"])
    booking = pay(reserve(slot))
    return jsonify(booking), 201, honest_errors.location(".get_booking", booking_id=booking["id"])


# If PostgreSQL rolls it back, it is done again; a repeat under the same key continues where the first request stopped.
@switchable
@transaction_retry.retried
@idempotency.first_step(saga.now)
def reserve(slot):
    """The booking to pay for, if the room is free."""
    with one_transaction.begin(session()) as db:
        room, user = db.get(Room, slot["room_id"]), db.get(User, slot["user_id"])
        if room is None or user is None:
            raise unprocessable("there is no such user or room", "unknown_user_or_room")
        ensure_free(db, slot)
        booking = slot | {"status": "pending", "price_cents": price_cents(slot, room.hourly_price_cents)}
        # Written before it is charged: whatever happens from here on, a row records it. No row comes back from the
        # INSERT if the constraint did not let it through.
        reserved = db.scalar(insert(Booking).values(booking).on_conflict_do_nothing().returning(Booking))
        if reserved is None:
            raise conflict("the room is taken at that time", "room_taken")
        return reserved.to_dict()


@switchable
def ensure_free(db, slot):
    """Nothing to check here: the constraint lets one INSERT through, however many saw the room free."""


def pay(booking):
    """The booking, now paid for."""
    if booking.get("status") == "confirmed":  # already paid, under the same key
        return booking
    charge = payments.charge(booking)
    return confirm(booking, charge["id"])


@switchable
@transaction_retry.repeated
def confirm(booking, charge_id):
    """The booking, now confirmed."""
    # One statement, which takes effect only once, and only if the sweeper did not get there first.
    db = session()
    still_pending = update(Booking).where(Booking.id == booking["id"], Booking.status == "pending")
    confirmed = db.scalar(still_pending.values(status="confirmed", charge_id=charge_id).returning(Booking))
    db.commit()
    return confirmed.to_dict() if confirmed else saga.outcome(db, booking)


@routes.get("/bookings/<int:booking_id>/")
def get_booking(booking_id):
    booking = session().get(Booking, booking_id)
    if booking is None:
        raise not_found("such booking")
    owner_checks.require(booking.user_id)
    return jsonify(booking.to_dict())


@routes.delete("/bookings/<int:booking_id>/")
def cancel_booking(booking_id):
    booking = session().get(Booking, booking_id)
    if booking is None:
        raise not_found("such booking")
    owner_checks.require(booking.user_id)
    cancel(booking_id)
    return "", 204


@switchable
@transaction_retry.retried
@idempotency.once
def cancel(booking_id):
    """Cancel the booking and return its id; the customer gets the money back."""
    with one_transaction.begin(session()) as db:
        # The refund is recorded with the cancellation and made by the sweeper: payments may be down right now.
        if not saga.cancelled(db, booking_id) and db.get_one(Booking, booking_id).status != "cancelled":
            raise conflict("the booking is being paid for", "payment_under_way")
    return {"id": booking_id}
