"""A migration of the bookings waits behind an open read, and everybody waits behind the migration."""

from lab.checks.slos import GoodRatio
from lab.faults import TableLock
from lab.model import FAULT, Load, Scenario

SCENARIO = Scenario(
    name="trial-table-lock",
    title="A migration behind an open read",
    hypothesis="Bookings wait, rooms do not.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=10, mix={"get_booking": 1, "rooms_search": 1, "transfer": 1}, good_within_ms=500),
    faults=(TableLock(table="bookings", during=(0.1, 0.6)),),
    checks=(GoodRatio(phase=FAULT, at_least=0.99),),
)
