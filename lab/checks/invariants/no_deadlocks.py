"""NoDeadlocks: the database counts no deadlocks. Retries can hide them from clients, but not from its counter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from lab.checks.wording import decided, result
from lab.model import FAULT, Check, CheckResult, Evidence
from lab.workload.booking.history import TRANSFERS, Intent, Row, intents

CROSSINGS_MIN = 10


@dataclass(frozen=True, kw_only=True)
class NoDeadlocks(Check):
    """Transfers cross when A pays B while B pays A. If too few crossed in `phase`, zero deadlocks mean nothing."""

    name: ClassVar[str] = "no deadlocks"
    phase: str = FAULT
    at_least: int = CROSSINGS_MIN  # crossings needed before a twin without deadlocks counts as held

    def title(self) -> str:
        return "no deadlock between transfers that cross"

    def judge(self, evidence: Evidence) -> CheckResult:
        deadlocks = _deadlocks(evidence.final) - _deadlocks(evidence.initial)
        crossed = list(_crossed(intents(evidence, TRANSFERS), *evidence.phases.window(self.phase)))
        told = f"{len(crossed)} pairs of transfers crossed in the {self.phase} phase"
        if deadlocks < 0:
            return self.undecided("The database was restarted and lost its count of deadlocks.")
        if not deadlocks and len(crossed) < self.at_least:
            return self.undecided(f"Only {told}; at least {self.at_least} are needed.", len(crossed))
        hit = [pair for pair in crossed if not all(each.acked for each in pair)] or crossed
        many = f"{deadlocks or 'No'} deadlock{'' if deadlocks == 1 else 's'}"
        return result(
            self,
            decided(not deadlocks),
            value=deadlocks,
            threshold=0,
            unit="deadlocks",
            sentence=f"{many} in the database; {told}.",
            looked=len(crossed),
            examples=[" | ".join(map(str, pair)) for pair in hit] if deadlocks else (),
        )


def _deadlocks(state: Row) -> int:
    """How many PostgreSQL has counted since it was started."""
    return int(state["counters"][0]["deadlocks"])


def _crossed(transfers: Sequence[Intent], start_s: float, end_s: float) -> Iterator[tuple[Intent, Intent]]:
    """Pairs of transfers between the same two wallets, in opposite directions and at the same time, neither refused."""
    between: dict[frozenset[int], list[Intent]] = defaultdict(list)
    for transfer in transfers:
        if start_s <= transfer.tries[0].at_s < end_s and not transfer.refused:
            between[frozenset(_way(transfer))].append(transfer)
    for same in between.values():
        for one, other in pairwise(sorted(same, key=lambda transfer: transfer.tries[0].at_s)):
            if _way(one) == _way(other)[::-1] and other.tries[0].at_s < one.tries[-1].end_s:
                yield one, other


def _way(transfer: Intent) -> tuple[int, int]:
    return transfer.asked["from_wallet_id"], transfer.asked["to_wallet_id"]
