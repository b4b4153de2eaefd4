"""I6, conservation: transfers move money; they neither create nor lose any, and no balance falls below zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.history import TRANSFERS, intents


@dataclass(frozen=True, kw_only=True)
class Conservation(Check):
    """Checks the sum of all balances, the sign of each, and that the ledger explains each."""

    name: ClassVar[str] = "conservation"
    invariant: ClassVar[str] = "I6"

    def title(self) -> str:
        return "no money is created or lost"

    def judge(self, evidence: Evidence) -> CheckResult:
        acked = [intent for intent in intents(evidence, TRANSFERS) if intent.acked]
        found = [*_total(evidence), *_negative(evidence), *_unexplained(evidence), *_lopsided(evidence)]
        return counted(
            self,
            found,
            "breach of conservation",
            "breaches of conservation",
            among=f"{len(acked)} acknowledged transfers",
            looked=len(acked),
            undecided="" if acked else "No transfer was acknowledged, so there is nothing to look at.",
        )


def _total(evidence: Evidence) -> Iterator[str]:
    before, after = (
        sum(balance.values()) for balance in (_balances(evidence.initial), _balances(evidence.final))
    )
    if before != after:
        yield f"all wallets together: {before} cents before, {after} after ({after - before:+d})"


def _negative(evidence: Evidence) -> Iterator[str]:
    for wallet, cents in _balances(evidence.final).items():
        if cents < 0:
            yield f"wallet {wallet}: {cents} cents"


def _unexplained(evidence: Evidence) -> Iterator[str]:
    """Wallets whose balance is not the initial one plus what the ledger says."""
    moved: dict[int, int] = defaultdict(int)
    known = {row["id"] for row in evidence.initial["ledger"]}
    for row in evidence.final["ledger"]:
        if row["id"] not in known:
            moved[row["wallet_id"]] += row["delta_cents"]
    before = _balances(evidence.initial)
    for wallet, cents in _balances(evidence.final).items():
        if cents != before.get(wallet, 0) + moved[wallet]:
            yield f"wallet {wallet}: {before.get(wallet, 0)} cents, ledger {moved[wallet]:+d}, but {cents} at the end"


def _lopsided(evidence: Evidence) -> Iterator[str]:
    """Transfers whose two ledger rows are not exactly minus and plus the amount."""
    rows: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in evidence.final["ledger"]:
        rows[row["transfer_id"]][row["wallet_id"]] += row["delta_cents"]
    for transfer in evidence.final[TRANSFERS]:
        cents = transfer["amount_cents"]
        right = {transfer["from_wallet_id"]: -cents, transfer["to_wallet_id"]: cents}
        if rows[transfer["id"]] != right:
            wrong = ", ".join(f"wallet {wallet} {delta:+d}" for wallet, delta in rows[transfer["id"]].items())
            yield f"transfer {transfer['reference']} of {cents} cents: the ledger says {wrong or 'nothing'}"


def _balances(state: Mapping[str, Any]) -> dict[int, int]:
    return {row["id"]: row["balance_cents"] for row in state["wallets"]}
