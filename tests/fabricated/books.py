"""The books of a made-up booking service: what its stores hold after it has done what its clients asked for.

A flawed one now and then loses what it acknowledged, or does it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from lab.model import Arrival
from lab.workload.booking import seeded

Row = dict[str, Any]
LOSES_EVERY, DOUBLES_EVERY = 997, 499  # requests
CREATED_AT = "2026-11-21T08:00:00+00:00"
WEALTH_CENTS = 100_000


class Books:
    """The stores of one twin, from its seed on."""

    def __init__(self, sizes: Mapping[str, int], *, flawed: bool) -> None:
        self._flawed = flawed
        self.tables = start(sizes)
        self._wallets = {row["id"]: row for row in self.tables["wallets"]}
        self._profiles = {row["user_id"]: row for row in self.tables["profiles"]}
        self._write: Mapping[str, Callable[[Row], Row]] = {
            "/bookings/": self._book,
            "/transfers/": self._transfer,
            "/holds/": self._hold,
        }

    def do(self, arrival: Arrival) -> Row:
        """Carry out a write; returns the answer to it."""
        asked = dict(arrival.body or {})
        if arrival.path.endswith("/profile/"):
            return self._update(int(arrival.path.split("/")[2]), asked)
        write = self._write[arrival.path]
        if self._flawed and arrival.i % LOSES_EVERY == 1:
            return {"id": 0, **asked}
        if self._flawed and arrival.i % DOUBLES_EVERY == 1:
            write(asked)
        return write(asked)

    def _add(self, table: str, **columns: Any) -> Row:
        rows = self.tables[table]
        rows.append({"id": len(rows) + 1, **columns})
        return rows[-1]

    def _book(self, asked: Row) -> Row:
        price = seeded.price_cents(asked["room_id"], _at(asked["ends_at"]) - _at(asked["starts_at"]))
        charge = {"id": f"ch_{len(self.tables['charges']) + 1}", "amount_cents": price, "refunded_cents": 0}
        self.tables["charges"].append({**charge, "reference": asked["reference"]})
        paid = {"status": "confirmed", "price_cents": price, "charge_id": charge["id"]}
        row = self._add("bookings", **_stored(asked), **paid, created_at=CREATED_AT)
        return {"id": row["id"], **_stored(asked), **paid}

    def _hold(self, asked: Row) -> Row:
        row = self._add("holds", **_stored(asked), created_at=CREATED_AT)
        return {"id": row["id"], **_stored(asked)}

    def _transfer(self, asked: Row) -> Row:
        row = self._add("transfers", **asked)
        cents = asked["amount_cents"]
        for wallet, delta in ((asked["from_wallet_id"], -cents), (asked["to_wallet_id"], cents)):
            self._add("ledger", transfer_id=row["id"], wallet_id=wallet, delta_cents=delta)
            self._wallets[wallet]["balance_cents"] += delta
        return dict(row)

    def _update(self, user: int, asked: Row) -> Row:
        profile = self._profiles[user]
        profile |= {**asked, "version": profile["version"] + 1}
        self._add("audit", **profile, created_at=CREATED_AT)
        return dict(profile)


def _stored(asked: Row) -> Row:
    """The times as the database tells them."""
    return {name: _told(value) if name.endswith("_at") else value for name, value in asked.items()}


def _told(text: str) -> str:
    return _at(text).isoformat().replace("+00:00", "Z")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def start(sizes: Mapping[str, int]) -> dict[str, list[Row]]:
    """What the seed leaves."""
    users = range(1, sizes["users"] + 1)
    nothing: Row = {"reference": None, "created_at": CREATED_AT}
    profiles = [
        {"user_id": i, "display_name": f"User {i}", "bio": "", "version": 1, "reference": None} for i in users
    ]
    return {
        "rooms": [seeded.room(i) for i in range(1, sizes["rooms"] + 1)],
        "bookings": [
            {**seeded.booking(i, sizes), **nothing, "charge_id": None}
            for i in range(1, sizes["bookings"] + 1)
        ],
        "wallets": [
            {"id": i, "user_id": i, "balance_cents": WEALTH_CENTS} for i in range(1, sizes["wallets"] + 1)
        ],
        "profiles": profiles,
        "audit": [{"id": row["user_id"], **row, "created_at": CREATED_AT} for row in profiles],
        **{name: [] for name in ("transfers", "ledger", "holds", "charges", "activity", "locks")},
        "counters": [{"deadlocks": 0, "xact_commit": 10, "xact_rollback": 0}],
        "clock": [{"now": "2026-11-21T08:01:00+00:00"}],
    }
