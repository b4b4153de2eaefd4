"""Rooms, and when they are taken."""

from datetime import timedelta

from flask import Blueprint, jsonify
from sqlalchemy import select

from services.common.models import Booking, Room, instant
from services.common.problems import not_found
from services.defences.switch import switchable
from services.hardened import inputs
from services.hardened.db import session

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


@switchable
def taken(room_id, date):
    """The times at which the room is taken on that day, in order."""
    # Whether the room exists and when it is taken, in one query: a room without bookings gives one empty row.
    that_day = (
        (Booking.room_id == Room.id)
        & (Booking.status != "cancelled")
        & (Booking.starts_at < date + timedelta(days=1))
        & (Booking.ends_at > date)
    )
    times = select(Booking.starts_at, Booking.ends_at).select_from(Room).outerjoin(Booking, that_day)
    found = session().execute(times.where(Room.id == room_id).order_by(Booking.starts_at)).all()
    if not found:
        raise not_found("such room")
    return [(starts_at, ends_at) for starts_at, ends_at in found if starts_at]
