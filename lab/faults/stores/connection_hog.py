"""ConnectionHog: another client's idle sessions use up the connections of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import require, rhythm
from lab.faults.stores.held import HeldFault
from lab.model import HeldSession, SessionsSample, StoreState

SESSIONS_MAX = 1_000


@dataclass(frozen=True, kw_only=True)
class ConnectionHog(HeldFault):
    """`sessions` that do nothing. The lab's databases accept 200, of which 3 are reserved for the owner."""

    kind: ClassVar[str] = "connection_hog"
    sessions: int

    def state(self) -> StoreState:
        count = require(self, "sessions", 1, SESSIONS_MAX)
        return StoreState(held=(HeldSession(statements=(), count=count),))

    def describe(self) -> str:
        return f"{self.sessions} idle sessions of another client in the database{rhythm(self)}"

    def bite(self, looks: Sequence[SessionsSample]) -> str:
        free = min((look.free for look in looks if look.free is not None), default=None)
        if free is None:
            return "how many connections were left for others is not known"
        return f"at least {free} connections were left for others"
