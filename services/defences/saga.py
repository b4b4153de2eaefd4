"""Saga: a booking that is paid for elsewhere is always confirmed or undone in the end, whatever fails in between.

Guards the customer's money. Two systems share no transaction: a charge whose booking was never written, or whose room
went to somebody else, is money taken for nothing. So the booking is written first, as pending, and its own number is
the key of the charge, which is never made twice. The company's answer confirms the booking; without one, the booking is
undone at once. The sweeper undoes what a crash leaves pending. A refund is recorded in the transaction that makes it
due, and made later.
Costs one more state (pending), one more write, a sweeper thread, and refunds that come a little later.
Hurts alone when a step cannot be repeated: a refund without a key, requested twice, pays twice.
"""

import functools
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import psycopg
import sqlalchemy as sa
from flask import current_app, g
from sqlalchemy.orm import Session

from services.common.problems import conflict
from services.defences import deadline, honest_errors, idempotency
from services.defences.deadline import left_s
from services.defences.switch import on
from services.defences.unavailable import Refused

# The sweeper gives up a pending booking this long after its request must have ended. Until then a retry under its key
# may still start to pay; if it does not finish in time, it gets a 409, and the money goes back.
PAYING_S = 5.0
PAYING_UNBOUNDED_S = 60.0  # how long a request may take, if it has no deadline
SETTLING_S = 0.05  # at least this much of the budget is kept for what follows the charge
REFUND_S = 1.0
AT_ONCE = 100

UNDO = sa.text("""
    WITH undone AS (UPDATE bookings SET status = 'cancelled' WHERE id = :id AND status = 'pending' RETURNING id)
    INSERT INTO refunds_due (booking_id) SELECT id FROM undone RETURNING booking_id
""")
CANCEL = sa.text("""
    WITH cancelled AS (UPDATE bookings SET status = 'cancelled' WHERE id = :id AND status = 'confirmed' RETURNING id)
    INSERT INTO refunds_due (booking_id) SELECT id FROM cancelled RETURNING booking_id
""")
GIVE_UP = sa.text("""
    WITH abandoned AS (
        SELECT id FROM bookings WHERE status = 'pending' AND created_at < now() - make_interval(secs => :paying_s)
        ORDER BY id LIMIT :at_once FOR UPDATE SKIP LOCKED
    ), undone AS (
        UPDATE bookings SET status = 'cancelled' WHERE id IN (SELECT id FROM abandoned) RETURNING id
    )
    INSERT INTO refunds_due (booking_id) SELECT id FROM undone
""")
NEXT_DUE = sa.text("""
    SELECT booking_id FROM refunds_due WHERE booking_id > :last ORDER BY booking_id LIMIT 1 FOR UPDATE SKIP LOCKED
""")
REFUNDED = sa.text("DELETE FROM refunds_due WHERE booking_id = :id")
STATE = sa.text("""
    SELECT status, charge_id, created_at > now() - make_interval(secs => :paying_s) AS young FROM bookings
    WHERE id = :id
""")

Booking = dict[str, Any]


def key(booking: Booking) -> dict[str, str]:
    """The header with the key of the charge: the booking's own number, which no other booking has; when saga is off,
    the booking's reference, which another client may use too."""
    if not on("saga"):
        return idempotency.header(quote(booking["reference"]))
    return {idempotency.HEADER: name(booking["id"])}


def name(booking_id: int) -> str:
    return f"booking-{booking_id}"


def or_undone(charge: Callable) -> Callable:
    """Decorator for the function that charges a booking: without a charge, the booking is undone."""

    @functools.wraps(charge)
    def charged(booking: Booking) -> Any:
        if not on("saga"):
            return charge(booking)
        try:
            with deadline.at_most(left_s() - _settling_s()):
                return charge(booking)
        except Exception:
            _undo(booking["id"])
            raise

    return charged


def now(session: Session, begun: Booking) -> Booking | None:
    """What became of a booking that was begun: the booking, paid for or still to be paid for; None if it was undone."""
    found = session.execute(STATE, {"id": begun["id"], "paying_s": _request_s()}).one()
    if found.charge_id is not None:  # it was confirmed, even if somebody has cancelled it since
        return begun | {"status": "confirmed", "charge_id": found.charge_id}
    if found.status == "pending" and found.young:
        raise idempotency.under_way()
    return begun if found.status == "pending" else None


def outcome(session: Session, booking: Booking) -> Booking:
    """What became of a booking that was paid for but is no longer pending. Raises 409 if it was given up."""
    found = session.execute(STATE, {"id": booking["id"], "paying_s": 0}).one()
    if found.charge_id is None:
        raise conflict("paid for too late: the booking was given up, the money goes back", reason="given_up")
    return booking | {"status": "confirmed", "charge_id": found.charge_id}


def cancelled(session: Session, booking_id: int) -> bool:
    """Cancel a confirmed booking and record its refund as due; returns whether there was one."""
    return session.scalar(CANCEL, {"id": booking_id}) is not None


def sweep(connection: sa.Connection, refund: Callable[[Booking], Any]) -> int:
    """Undo bookings that have been pending for too long, and make the refunds that are due; returns how many.

    `connection` commits each statement by itself until a transaction is begun. A refund that fails stays due and does
    not hold up the others; the last failure is raised at the end.
    """
    with connection.begin():
        connection.execute(GIVE_UP, {"paying_s": _request_s() + PAYING_S, "at_once": AT_ONCE})
    last, made, failed = 0, 0, None
    for _ in range(AT_ONCE):
        with connection.begin():
            # Locked while it is refunded, so that other workers take the next one.
            due = connection.scalar(NEXT_DUE, {"last": last})
            if due is None:
                break
            last = due
            try:
                with deadline.at_most(REFUND_S):
                    refund({"id": due})
            except Exception as error:  # noqa: BLE001  whatever it was, it stays due
                failed = error
            else:
                connection.execute(REFUNDED, {"id": due})
                made += 1
    if failed:
        raise failed
    return made


def _undo(booking_id: int) -> None:
    """Undo a booking without a charge, if there is time; else the sweeper will."""
    session = current_app.extensions["session"]()
    try:
        undone = session.scalar(UNDO, {"id": booking_id})
        session.commit()
    except (sa.exc.SQLAlchemyError, psycopg.Error, Refused):
        return
    if undone is not None:
        honest_errors.effect_is_undone()


def _settling_s() -> float:
    """Time for one more statement: the average so far in this request, which has made about five."""
    return max(SETTLING_S, (time.monotonic() - g.started_at) / 5)


def _request_s() -> float:
    """How long a request may take, by its deadline."""
    if not on("deadline"):
        return PAYING_UNBOUNDED_S
    return current_app.config["DEADLINE_S"] + deadline.GRACE_S
