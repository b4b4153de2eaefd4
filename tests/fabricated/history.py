"""Rows and operations of the booking workload: what clients asked for, and what is in the stores before and after."""

from __future__ import annotations

from typing import Any

from lab.model import Operation, Outcome

TABLES = (
    "rooms",
    "bookings",
    "wallets",
    "transfers",
    "ledger",
    "profiles",
    "audit",
    "charges",
    "activity",
    "locks",
    "holds",
)
Row = dict[str, Any]


def seeded() -> dict[str, list[Row]]:
    """What a twin starts with: two users with wallets and profiles, one booking of last year."""
    state: dict[str, list[Row]] = {table: [] for table in TABLES}
    state["rooms"] = [{"id": 1, "name": "Room 1", "hourly_price_cents": 2_000}]
    state["wallets"] = [{"id": n, "user_id": n, "balance_cents": 1_000} for n in (1, 2)]
    state["profiles"] = [
        {"user_id": n, "display_name": f"User {n}", "bio": "", "version": 1, "reference": None}
        for n in (1, 2)
    ]
    state["bookings"] = [
        booking_row(1, None, starts_at="2025-01-01T10:00:00+00:00", ends_at="2025-01-01T11:00:00+00:00")
    ]
    state["counters"] = [{"deadlocks": 0, "xact_commit": 10, "xact_rollback": 0}]
    state["clock"] = [{"now": "2026-11-21T08:01:00+00:00"}]
    return state


def ended(**rows: list[Row]) -> dict[str, list[Row]]:
    """The state at the end: the seed, with `rows` added to their tables."""
    state = seeded()
    for table, more in rows.items():
        state[table] = [*state[table], *more]
    return state


def booking_row(row_id: int, reference: str | None, **changes: Any) -> Row:
    return {
        "id": row_id, "user_id": 1, "room_id": 1, "status": "confirmed", "price_cents": 2_000, "reference": reference,
        "starts_at": "2030-01-01T10:00:00+00:00", "ends_at": "2030-01-01T11:00:00+00:00",
        "charge_id": "ch_1", "created_at": "2026-11-21T08:00:00+00:00", **changes,
    }  # fmt: skip


def charge_row(row_id: int, reference: str) -> Row:
    return {"id": f"ch_{row_id}", "reference": reference, "amount_cents": 2_000}


def operation(
    op: str, asked: Row, outcome: Outcome = Outcome.OK, *, i: int = 0, answered: Any = None
) -> Operation:
    status = {Outcome.OK: 201, Outcome.REFUSED: 409, Outcome.UNKNOWN: 0}[outcome]
    return Operation(
        i=i, op=op, at_s=1.0, end_s=1.1, outcome=outcome, status=status, asked=asked, key=None, answered=answered
    )  # fmt: skip


def booking(reference: str, outcome: Outcome = Outcome.OK, **changes: Any) -> Operation:
    asked = {
        "path": "/bookings/", "user_id": 1, "room_id": 1, "reference": reference,
        "starts_at": "2030-01-01T10:00:00Z", "ends_at": "2030-01-01T11:00:00Z",
    }  # fmt: skip
    answered = changes.pop("answered", {"id": 2} if outcome == Outcome.OK else None)
    return operation("create_booking", {**asked, **changes}, outcome, answered=answered)


def transfer(reference: str, outcome: Outcome = Outcome.OK, cents: int = 100) -> Operation:
    asked = {
        "path": "/transfers/", "from_wallet_id": 1, "to_wallet_id": 2, "amount_cents": cents, "reference": reference
    }  # fmt: skip
    return operation("transfer", asked, outcome, answered={"id": 1} if outcome == Outcome.OK else None)


def update(reference: str, outcome: Outcome = Outcome.OK, user: int = 1) -> Operation:
    asked = {"path": f"/users/{user}/profile/", "display_name": "New", "bio": "b", "reference": reference}
    return operation("update_profile", asked, outcome)
