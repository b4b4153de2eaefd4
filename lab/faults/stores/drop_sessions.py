"""DropSessions: the database ends every session of the service at once, as in a failover or by an operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import require
from lab.faults.stores.held import StoreFault, answered, too_few
from lab.model import FAULT, ActionFault, EndSessions, Proof, Seen

TIMES_MAX = 100
KEPT_MIN_S = 1.0  # a session open for this long is one that the service means to keep


@dataclass(frozen=True, kw_only=True)
class DropSessions(StoreFault, ActionFault):
    """pg_terminate_backend for every session of the service, `times` times."""

    kind: ClassVar[str] = "drop_sessions"

    def action(self) -> EndSessions:
        require(self, "times", 1, TIMES_MAX)
        return EndSessions()

    def describe(self) -> str:
        often = "" if self.times == 1 else f", {self.times} times"
        return f"every session of the service ended by the database{often}"

    def observed(self, before: Seen, during: Seen) -> Proof:
        """None of the earlier sessions is left: all that are open now were opened since."""
        calm, looks = answered(before), answered(during)
        if missing := too_few(calm, looks, "after it", FAULT):
            return missing
        kept_s = max(look.oldest_s for look in calm)
        left = sum(look.service > 0 and look.start_s - look.oldest_s < calm[-1].start_s for look in looks)
        sentence = f"{left} of {len(looks)} later samples still showed a session from before"
        if kept_s < KEPT_MIN_S:
            sentence = f"there was no session to end: none had been open for {KEPT_MIN_S:g} s"
            return Proof(proved=False, value=kept_s, limit=KEPT_MIN_S, unit="s", sentence=sentence)
        return Proof(
            proved=left == 0, value=left, limit=0, unit="samples with an old session", sentence=sentence
        )
