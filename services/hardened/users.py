"""Users, and what they have booked."""

from flask import Blueprint, jsonify
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from services.common.models import Booking, User
from services.defences import owner_checks
from services.defences.switch import switchable
from services.hardened import inputs
from services.hardened.db import session

routes = Blueprint("users", __name__)


@routes.get("/users/")
def list_users():
    owner_checks.require_operator()
    asked = inputs.page()
    page = select(User).where(User.id > asked["after"]).order_by(User.id).limit(asked["limit"])
    with_bookings = asked["include"] == "bookings"
    users = (
        users_with_bookings(page) if with_bookings else [user.to_dict() for user in session().scalars(page)]
    )
    return jsonify(items=users, next=users[-1]["id"] if len(users) == asked["limit"] else None)


@switchable
def users_with_bookings(page):
    """The users on the page, each with a list of their bookings."""
    # The bookings of the whole page in one query: one round trip per user would add up on a slow link.
    return [
        user.to_dict() | {"bookings": [booking.to_dict() for booking in user.bookings]}
        for user in session().scalars(page.options(selectinload(User.bookings)))
    ]


@routes.get("/users/<int:user_id>/bookings/")
def list_bookings(user_id):
    owner_checks.require(user_id)
    return jsonify(bookings_of(user_id))


@switchable
def bookings_of(user_id):
    """The bookings of the user, by id."""
    # A page has a maximum size, however much somebody has booked; the next begins after a key, not at an OFFSET.
    asked = inputs.page()
    mine = select(Booking).where(Booking.user_id == user_id, Booking.id > asked["after"])
    page = mine.order_by(Booking.id).limit(asked["limit"])
    bookings = [booking.to_dict() for booking in session().scalars(page)]
    return {"items": bookings, "next": bookings[-1]["id"] if len(bookings) == asked["limit"] else None}
