"""The studio-booking product: two versions of one service, its operations, and how much data it starts with."""

from __future__ import annotations

from lab.model import PAYMENTS
from lab.workload import Service, Workload
from lab.workload.booking.followers import FOLLOWERS
from lab.workload.booking.operations import HISTORY_OPS, OPERATIONS
from lab.workload.booking.tokens import token

BOOKING = Workload(
    name="booking",
    services={
        "naive": Service(app="services.naive.app:create_app()"),
        "hardened": Service(app="services.hardened.app:create_app()", defences="all", switchable=True),
    },
    line_up=("naive", "hardened"),
    operations=OPERATIONS,
    followers=FOLLOWERS,
    history_ops=HISTORY_OPS,
    sizes={"users": 500, "rooms": 40, "bookings": 2_000, "wallets": 500},
    programs={PAYMENTS: "services.dependencies.payments:create_app()"},
    seed="services.seed",
    final_read="loadtests.final_state",
    tables=("rooms", "bookings", "wallets", "transfers", "ledger", "profiles", "audit", "holds"),
    token=token,
    callers="users",
)
