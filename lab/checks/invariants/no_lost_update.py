"""I5, no lost update: nobody overwrites a change that they have not seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import counted
from lab.model import Check, CheckResult, Evidence
from lab.workload.booking.history import (
    PROFILES,
    STALE,
    Intent,
    acknowledgements,
    intents,
    read_version,
    user_of,
)


@dataclass(frozen=True, kw_only=True)
class NoLostUpdate(Check):
    """Whoever opens a profile, edits it and saves it must not wipe out what somebody else saved in between.

    It looks at the saves that came second: those that were told so (412), and those that were not.
    """

    name: ClassVar[str] = "no lost update"
    invariant: ClassVar[str] = "I5"

    def title(self) -> str:
        return "nobody overwrote a change that they had not seen"

    def judge(self, evidence: Evidence) -> CheckResult:
        saves = [
            (intent, seen)
            for intent in intents(evidence, PROFILES)
            if (seen := read_version(evidence, intent)) is not None
        ]
        told = sum(each.status == STALE for intent, _ in saves for each in intent.tries)
        lost = list(_lost(saves))
        return counted(
            self,
            lost,
            "lost update",
            "lost updates",
            among=f"{told + len(lost)} saves of a profile that somebody else had changed since it was opened",
            looked=told + len(lost),
        )


def _lost(saves: Sequence[tuple[Intent, int]]) -> Iterator[str]:
    """Acknowledged saves whose version does not follow the one that was read, or is that of another save."""
    written: set[tuple[int, int]] = set()
    for intent, seen in saves:
        for answered in acknowledgements(intent)[:1]:
            version = int(answered.get("version", 0))
            if version != seen + 1:
                yield f"{intent}; it was opened in version {seen} and saved as version {version}"
            elif (user_of(intent.asked), version) in written:
                yield f"{intent}; somebody else's version {version} was saved before"
            written.add((user_of(intent.asked), version))
