"""The wording of checks: which requests they are about, results with examples, and how few is too few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.model import Check, CheckResult, Verdict

SAMPLES_MIN = 20
LOOKED_MIN = 5  # things that an invariant must have looked at: with fewer, "none is wrong" says nothing
EXAMPLES_MAX = 3


def whom(ops: Sequence[str]) -> str:
    """The requests that a check is about: "of get_booking", or nothing for all."""
    return f" of {', '.join(ops)}" if ops else ""


def result(
    check: Check,
    verdict: Verdict,
    *,
    value: float | None,
    threshold: float | None,
    unit: str,
    sentence: str,
    looked: int,
    unreached: str = "",
    examples: Sequence[str] = (),
) -> CheckResult:
    return CheckResult(
        check=check.title(),
        verdict=verdict,
        value=value,
        threshold=threshold,
        unit=unit,
        sentence=sentence,
        examples=capped(examples),
        invariant=check.invariant,
        looked=looked,
        unreached=unreached,
    )


def decided(held: bool) -> Verdict:
    return Verdict.HELD if held else Verdict.BROKEN


def counted(
    check: Check,
    violations: Sequence[str],
    one: str,
    many: str,
    *,
    among: str,
    looked: int,
    undecided: str = "",
) -> CheckResult:
    """The result of an invariant: held if there are no violations among enough. `among` says what was looked at.

    `undecided` says why none would mean nothing, if that is so. What is wrong is wrong nevertheless.
    """
    count = len(violations)
    if not count and undecided:
        return check.undecided(undecided)
    if not count and looked < LOOKED_MIN:
        return check.undecided(
            f"Only {among}: too few to say anything; at least {LOOKED_MIN} are needed.", looked
        )
    return result(
        check,
        decided(not count),
        value=count,
        threshold=0,
        unit="",
        sentence=f"{count or 'No'} {one if count == 1 else many} among {among}.",
        looked=looked,
        examples=violations,
    )


def of_which(count: int) -> str:
    return f"{count} of which were" if count > 1 else f"{'one' if count else 'none'} of which was"


def capped(examples: Iterable[str]) -> tuple[str, ...]:
    """First, middle and last of `examples`: enough to look one up."""
    found = tuple(examples)
    if len(found) <= EXAMPLES_MAX:
        return found
    return found[0], found[len(found) // 2], found[-1]
