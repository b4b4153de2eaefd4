"""Users, and what they have booked."""

from flask import Blueprint, jsonify, request
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from services.common.fields import ID_MAX, a_number, one_of, read
from services.common.models import Booking, User
from services.defences.switch import switchable
from services.hardened.db import session

routes = Blueprint("users", __name__)


@routes.get("/users/")
def list_users():
    include = read("include", one_of("", "bookings"), request.args.get("include", ""))
    limit = read("limit", a_number(1, 100), request.args.get("limit", "20"))
    after = read("after", a_number(0, ID_MAX), request.args.get("after", "0"))
    page = select(User).where(User.id > after).order_by(User.id).limit(limit)
    users = users_with_bookings(page) if include else [user.to_dict() for user in session().scalars(page)]
    return jsonify(items=users, next=users[-1]["id"] if len(users) == limit else None)


@switchable
def users_with_bookings(page):
    """The users of the page, each with the list of its bookings."""
    # The bookings of the whole page by one question: a round trip per user is what a slow link multiplies.
    return [
        user.to_dict() | {"bookings": [booking.to_dict() for booking in user.bookings]}
        for user in session().scalars(page.options(selectinload(User.bookings)))
    ]


@routes.get("/users/<int:user_id>/bookings/")
def list_bookings(user_id):
    bookings = select(Booking).where(Booking.user_id == user_id).order_by(Booking.id)
    return jsonify(items=[booking.to_dict() for booking in session().scalars(bookings)])
