"""Running stacks for tests of a runtime: a small one, and a listener for what happens to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lab.model import DATABASE, Event, Stack, Topology, TwinPlan
from lab.workload.booking import BOOKING
from tests.fabricated.evidence import PAIR

SMALL: Mapping[str, int] = {"users": 20, "rooms": 4, "bookings": 40, "wallets": 20}
LINKS = Topology().links


def a_stack(run: str, twins: Sequence[TwinPlan] = PAIR, **changes: Any) -> Stack:
    return Stack(**{"run": run, "workload": BOOKING.name, "twins": tuple(twins), "sizes": SMALL, **changes})


def probe_config(link: str, targets: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """One probe of `link`, ten times a second, as loadtests.observe takes it."""
    user, database = targets["probe_database"].split("/")
    protocol = "postgres" if link == DATABASE else "http"
    return {
        "target": f"link/{link}", "protocol": protocol, "address": targets[link], "path": "/healthz", "user": user,
        "database": database, "interval_s": 0.1, "request_bytes": 0, "reply_bytes": 0, "timeout_s": 2.0, **changes,
    }  # fmt: skip


class Heard:
    """A journal in memory, for a stack without a run."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def now_s(self) -> float:
        return 0.0

    def tell(self, event: Event) -> None:
        self.events.append(event)
