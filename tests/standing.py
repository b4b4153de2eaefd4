"""Running stacks for tests of a runtime: a small one, and a listener for what happens to it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.model import DATABASE, Event, Secrets, Stack, Topology, TwinPlan
from lab.workload.booking import BOOKING
from tests.fabricated.evidence import PAIR

SMALL: Mapping[str, int] = {"users": 20, "rooms": 4, "bookings": 40, "wallets": 20}
LINKS = Topology().links
IN_MEMORY = Path("/dev/shm")
SECRETS = Secrets(
    token_key="lab-key",
    owner="owner-password",
    app="app-password",
    probe="probe-password",
    stores="lab-password",
)
TOKEN = BOOKING.token(SECRETS.token_key)


def a_stack(run: str, twins: Sequence[TwinPlan] = PAIR, **changes: Any) -> Stack:
    plain = {"run": run, "workload": BOOKING.name, "twins": tuple(twins), "sizes": SMALL, "secrets": SECRETS}
    return Stack(**{**plain, **changes})


def folders_of(run: str) -> list[Path]:
    """What there is of `run` in the temporary folder and in memory: one folder in each, or all in the first."""
    places = (Path(tempfile.gettempdir()), IN_MEMORY)
    return [folder for place in places for folder in place.glob(f"failure-lab-{run}-*")]


def probe_config(link: str, targets: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """One probe of `link`, ten times a second, as loadtests.observe takes it."""
    user, database = targets["probe_database"].split("/")
    protocol, password = ("postgres", SECRETS.probe) if link == DATABASE else ("http", SECRETS.stores)
    return {
        "target": f"link/{link}", "protocol": protocol, "address": targets[link], "path": "/healthz", "user": user,
        "database": database, "password": password, "token": password, "interval_s": 0.1, "request_bytes": 0,
        "reply_bytes": 0, "timeout_s": 20.0, **changes,
    }  # fmt: skip


class Heard:
    """A journal in memory, for a stack without a run."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def now_s(self) -> float:
        return 0.0

    def tell(self, event: Event) -> None:
        self.events.append(event)
