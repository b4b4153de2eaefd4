"""Rooms, and when they are taken."""

from datetime import timedelta

from flask import Blueprint, jsonify
from sqlalchemy import select

from services.common.models import Booking, Room, instant
from services.common.problems import not_found
from services.naive import inputs
from services.naive.db import session

routes = Blueprint("rooms", __name__)


@routes.get("/rooms/")
def list_rooms():
    named = Room.name.icontains(inputs.search(), autoescape=True)
    found = select(Room).where(named).order_by(Room.id).limit(100)
    return jsonify(items=[room.to_dict() for room in session().scalars(found)])


@routes.get("/rooms/<int:room_id>/availability/")
def get_availability(room_id):
    date = inputs.day()
    times = [{"starts_at": instant(start), "ends_at": instant(end)} for start, end in taken(room_id, date)]
    return jsonify(room_id=room_id, date=date.isoformat(), taken=times)


def taken(room_id, date):
    """The times at which the room is taken on that day, in order."""
    db = session()
    if db.get(Room, room_id) is None:
        raise not_found("such room")
    bookings = select(Booking).where(
        Booking.room_id == room_id,
        Booking.status != "cancelled",
        Booking.starts_at < date + timedelta(days=1),
        Booking.ends_at > date,
    )
    return [
        (booking.starts_at, booking.ends_at) for booking in db.scalars(bookings.order_by(Booking.starts_at))
    ]
