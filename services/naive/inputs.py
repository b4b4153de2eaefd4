"""What clients ask for, read from their requests."""

from datetime import date, datetime, timedelta

from flask import request

from services.common.problems import unprocessable

LENGTH_MAX = timedelta(hours=24)


def slot():
    """What POST /bookings/ and POST /holds/ ask for: a user, a room, and a time."""
    body = request.json
    try:
        wanted = {
            "user_id": int(body["user_id"]),
            "room_id": int(body["room_id"]),
            "starts_at": datetime.fromisoformat(body["starts_at"]),
            "ends_at": datetime.fromisoformat(body["ends_at"]),
            "reference": body["reference"],
        }
        check_times(wanted["starts_at"], wanted["ends_at"])
    except (KeyError, TypeError, ValueError) as error:
        raise unprocessable(f"missing or wrong: {error}") from None
    return wanted


def check_times(starts_at, ends_at):
    """Refuse a slot with impossible times."""
    if not timedelta(0) < ends_at - starts_at <= LENGTH_MAX:
        raise unprocessable("ends_at: must be after starts_at, by 24 hours at most")


def transfer():
    """What POST /transfers/ asks for."""
    body = request.json
    try:
        wanted = {
            "from_wallet_id": int(body["from_wallet_id"]),
            "to_wallet_id": int(body["to_wallet_id"]),
            "amount_cents": int(body["amount_cents"]),
            "reference": body["reference"],
        }
    except (KeyError, TypeError, ValueError) as error:
        raise unprocessable(f"missing or wrong: {error}") from None
    if wanted["amount_cents"] <= 0:
        raise unprocessable("amount_cents: must be positive")
    check_wallets(wanted["from_wallet_id"], wanted["to_wallet_id"])
    return wanted


def check_wallets(giver_id, taker_id):
    """Refuse a transfer to the same wallet."""
    if giver_id == taker_id:
        raise unprocessable("to_wallet_id: must be another wallet")


def profile():
    """What PUT /users/…/profile/ asks for."""
    body = request.json
    try:
        return {name: body[name] for name in ("display_name", "bio", "reference")}
    except (KeyError, TypeError) as error:
        raise unprocessable(f"missing or wrong: {error}") from None


def page():
    """Which part of a list the query asks for, and what it includes."""
    return {
        "include": request.args.get("include"),
        "limit": min(request.args.get("limit", 20, type=int), 100),
        "after": request.args.get("after", 0, type=int),
    }


def search():
    """What GET /rooms/ looks for."""
    return request.args.get("q", "")


def day():
    """Which day GET /rooms/…/availability/ asks for."""
    try:
        return date.fromisoformat(request.args["date"])
    except (KeyError, ValueError) as error:
        raise unprocessable(f"date: {error}") from None
