"""Users, and what they have booked."""

from flask import Blueprint, jsonify
from sqlalchemy import select

from services.common.models import Booking, User
from services.naive import inputs
from services.naive.db import session

routes = Blueprint("users", __name__)


@routes.get("/users/")
def list_users():
    asked = inputs.page()
    page = select(User).where(User.id > asked["after"]).order_by(User.id).limit(asked["limit"])
    with_bookings = asked["include"] == "bookings"
    users = (
        users_with_bookings(page) if with_bookings else [user.to_dict() for user in session().scalars(page)]
    )
    return jsonify(items=users, next=users[-1]["id"] if len(users) == asked["limit"] else None)


def users_with_bookings(page):
    """The users on the page, each with a list of their bookings."""
    return [
        user.to_dict() | {"bookings": [booking.to_dict() for booking in user.bookings]}
        for user in session().scalars(page)
    ]


@routes.get("/users/<int:user_id>/bookings/")
def list_bookings(user_id):
    return jsonify(bookings_of(user_id))


def bookings_of(user_id):
    """The bookings of the user, by id."""
    # People book once a week: the list fits on any page.
    bookings = select(Booking).where(Booking.user_id == user_id).order_by(Booking.id)
    return {"items": [booking.to_dict() for booking in session().scalars(bookings)]}
