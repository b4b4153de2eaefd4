"""I8, atomic pair: every version of a profile has its audit row and vice versa, and the two say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.history import AUDIT, PROFILES, Row, intents

PAYLOAD = ("display_name", "bio", "reference")
Versions = Counter[tuple[int, int]]  # (user, version)


@dataclass(frozen=True, kw_only=True)
class AtomicPair(Check):
    """The table keeps only the newest version of a profile; every version before it must have existed."""

    name: ClassVar[str] = "atomic pair"
    invariant: ClassVar[str] = "I8"

    def title(self) -> str:
        return "profile and audit tell the same story"

    def judge(self, evidence: Evidence) -> CheckResult:
        had, audited = _had(evidence), _audited(evidence.initial, evidence.final)
        found = [*_one_sided(had, audited), *_different(evidence.final)]
        count, acked = had.total(), any(intent.acked for intent in intents(evidence, PROFILES))
        return counted(
            self,
            found,
            "torn pair",
            "torn pairs",
            among=f"{count} profile versions written in this run",
            looked=count,
            undecided="" if acked else "No profile update was acknowledged, so there is no pair to check.",
        )


def _had(evidence: Evidence) -> Versions:
    """Every (user, version) that the profiles have had in this run."""
    first = {row["user_id"]: row["version"] for row in evidence.initial[PROFILES]}
    return Counter(
        (row["user_id"], version)
        for row in evidence.final[PROFILES]
        for version in range(first.get(row["user_id"], 0) + 1, row["version"] + 1)
    )


def _audited(initial: Mapping[str, Any], final: Mapping[str, Any]) -> Versions:
    """Every (user, version) that was audited in this run."""
    known = {row["id"] for row in initial[AUDIT]}
    return Counter((row["user_id"], row["version"]) for row in final[AUDIT] if row["id"] not in known)


def _one_sided(had: Versions, audited: Versions) -> Iterator[str]:
    for user, version in sorted((had - audited).keys()):
        yield f"user {user}, version {version}: in the profile, but without an audit row"
    for user, version in sorted((audited - had).keys()):
        twice = ", audited twice" if (user, version) in had else ", audited, but the profile never had it"
        yield f"user {user}, version {version}{twice}"


def _different(final: Mapping[str, Any]) -> Iterator[str]:
    """Profiles whose newest version differs from its audit row."""
    audits: dict[tuple[int, int], Row] = {(row["user_id"], row["version"]): row for row in final[AUDIT]}
    for profile in final[PROFILES]:
        audit = audits.get((profile["user_id"], profile["version"]))
        if audit and any(audit[name] != profile[name] for name in PAYLOAD):
            names = ", ".join(name for name in PAYLOAD if audit[name] != profile[name])
            yield f"user {profile['user_id']}, version {profile['version']}: profile and audit differ in {names}"
