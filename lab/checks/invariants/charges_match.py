"""I14, money: charges minus refunds equal the prices of the confirmed bookings, one charge per booking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.effects import kept_cents, under_way
from lab.workload.booking.history import BOOKINGS, CHARGES, CONFIRMED, Row, named


@dataclass(frozen=True, kw_only=True)
class ChargesMatch(Check):
    """A pending booking is no booking yet: whoever was charged for one has paid for nothing, unless it is so young that
    the service may still confirm it or give the money back, and its client was not told that it is booked.
    """

    name: ClassVar[str] = "charges match"
    invariant: ClassVar[str] = "I14"

    def title(self) -> str:
        return "every charge pays for one confirmed booking, at its price"

    def judge(self, evidence: Evidence) -> CheckResult:
        charges = {str(row["id"]): row for row in evidence.final[CHARGES]}
        bookings = [row for row in named(evidence, BOOKINGS) if row["status"] == CONFIRMED]
        busy = under_way(evidence)
        settled = {name: charge for name, charge in charges.items() if name not in busy}
        payers: dict[str, list[Row]] = defaultdict(list)
        for booking in bookings:
            payers[str(booking["charge_id"])].append(booking)
        found = [*_unpaid(bookings, charges), *_unfounded(settled, payers)]
        told = _so_many(charges, busy)
        nothing = f"No booking was confirmed and none of {told} was kept, so there is nothing to match."
        return counted(
            self,
            found,
            "mismatch",
            "mismatches",
            among=f"{told} and {len(bookings)} confirmed bookings",
            looked=len(bookings),
            undecided="" if bookings else nothing,
        )


def _so_many(charges: Collection[str], busy: Collection[str]) -> str:
    told = f" ({len(busy)} of them still under way)" if busy else ""
    return f"{len(charges)} charges{told}"


def _unpaid(bookings: list[Row], charges: dict[str, Row]) -> Iterator[str]:
    for booking in bookings:
        charge, who = charges.get(str(booking["charge_id"])), _who(booking)
        if charge is None:
            yield f"{who} was confirmed, but there is no charge for it"
        elif kept_cents(charge) != booking["price_cents"]:
            yield f"{who} costs {booking['price_cents']} cents, but {kept_cents(charge)} were kept"


def _unfounded(charges: dict[str, Row], payers: dict[str, list[Row]]) -> Iterator[str]:
    for name, charge in charges.items():
        bookings = payers.get(name, [])
        if len(bookings) > 1:
            yield f"charge {name} pays for {' and '.join(map(_who, bookings))}"
        elif not bookings and kept_cents(charge):
            yield f"charge {name} ({charge['reference']}): {kept_cents(charge)} cents kept, but no confirmed booking"


def _who(booking: Row) -> str:
    return f"booking {booking['id']} ({booking['reference']})"
