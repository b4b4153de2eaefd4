"""I14, money: charges minus refunds equal the prices of the confirmed bookings, one charge per booking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.history import BOOKINGS, CHARGES, Row, named

CONFIRMED = "confirmed"


@dataclass(frozen=True, kw_only=True)
class ChargesMatch(Check):
    """A pending booking is no booking yet: whoever was charged for one has paid for nothing."""

    name: ClassVar[str] = "charges match"
    invariant: ClassVar[str] = "I14"

    def title(self) -> str:
        return "every charge pays for one confirmed booking, at its price"

    def judge(self, evidence: Evidence) -> CheckResult:
        charges = {str(row["id"]): row for row in evidence.final[CHARGES]}
        bookings = [row for row in named(evidence, BOOKINGS) if row["status"] == CONFIRMED]
        if not bookings and not any(map(_kept, charges.values())):
            return self.undecided(
                f"No booking was confirmed and none of {len(charges)} charges was kept, so there is nothing to match."
            )
        payers: dict[str, list[Row]] = defaultdict(list)
        for booking in bookings:
            payers[str(booking["charge_id"])].append(booking)
        found = [*_unpaid(bookings, charges), *_unfounded(charges, payers)]
        among = f"{len(charges)} charges and {len(bookings)} confirmed bookings"
        return counted(self, found, "mismatch", "mismatches", among=among, looked=len(bookings))


def _unpaid(bookings: list[Row], charges: dict[str, Row]) -> Iterator[str]:
    for booking in bookings:
        charge, who = charges.get(str(booking["charge_id"])), _who(booking)
        if charge is None:
            yield f"{who} was confirmed, but there is no charge for it"
        elif _kept(charge) != booking["price_cents"]:
            yield f"{who} costs {booking['price_cents']} cents, but {_kept(charge)} were kept"


def _unfounded(charges: dict[str, Row], payers: dict[str, list[Row]]) -> Iterator[str]:
    for name, charge in charges.items():
        bookings = payers.get(name, [])
        if len(bookings) > 1:
            yield f"charge {name} pays for {' and '.join(map(_who, bookings))}"
        elif not bookings and _kept(charge):
            yield f"charge {name} ({charge['reference']}): {_kept(charge)} cents kept, but no confirmed booking"


def _kept(charge: Row) -> int:
    """What the company keeps of the charge after refunds, in cents."""
    return int(charge["amount_cents"]) - int(charge.get("refunded_cents", 0))


def _who(booking: Row) -> str:
    return f"booking {booking['id']} ({booking['reference']})"
