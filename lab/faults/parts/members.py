"""What the faults of parts share: which members they hit, and what the samples of those members show.

A sample (a "look") is what the kernel or the engine reports of one member at one instant. Counters are compared from
sample to sample, so a member that was restarted, and counts from zero, does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.faults.parameters import require_times
from lab.faults.proofs import few
from lab.model import (
    ALL,
    BALANCER,
    BASELINE,
    CACHE,
    FAULT,
    PARTS,
    PAYMENTS,
    POSTGRES,
    QUEUE,
    RECOVERY,
    REPLICAS_MAX,
    SERVICE,
    WORKER,
    Fault,
    LabError,
    Life,
    PartSample,
    Proof,
    Seen,
    Target,
    a_part,
    percent,
)

PART_NAMES: Mapping[str, str] = {
    SERVICE: "the service",
    POSTGRES: "the database",
    PAYMENTS: "the payments dependency",
    BALANCER: "the balancer",
    CACHE: "the cache",
    QUEUE: "the queue",
    WORKER: "the worker",
}
MEMBERS = (ALL, *(str(n + 1) for n in range(REPLICAS_MAX)))
LOOKS_MIN = 3
SHARE_MIN = 0.9  # of the samples while a fault is on
WELL_SHARE_MIN = 0.5  # of the samples after healing must be well, without a gap up to the end
GAP_S_MAX = 1.0  # samples further apart are not compared

Members = Mapping[str, Sequence[PartSample]]
Reading = Callable[[PartSample], float | None]


@dataclass(frozen=True, kw_only=True)
class PartFault(Fault):
    """A fault of all members of a part, or of the replica `member`."""

    part: str
    member: str = ALL

    def target(self) -> Target:
        if self.part not in PARTS:
            raise LabError(f"{self.kind}: part must be one of {', '.join(PARTS)}, not {self.part!r}.")
        if self.member not in MEMBERS:
            raise LabError(f"{self.kind}: member must be one of {', '.join(MEMBERS)}, not {self.member!r}.")
        require_times(self)
        return a_part(self.part, self.member)

    def who(self) -> str:
        """What is hit, in words."""
        name = PART_NAMES[self.part]
        return name if self.member == ALL else f"replica {self.member} of {name}"

    def looks(self, seen: Seen) -> Members:
        """The samples of each member that is hit, by time."""
        found: dict[str, list[PartSample]] = {}
        for sample in seen.samples:
            if isinstance(sample, PartSample) and self.member in (ALL, sample.member):
                found.setdefault(sample.member, []).append(sample)
        return {name: sorted(looks, key=lambda look: look.start_s) for name, looks in sorted(found.items())}

    def limit(self, look: PartSample) -> float | None:  # noqa: ARG002 - those that limit nothing
        """The limit of this kind that was seen on a member."""
        return None

    def healed(self, before: Seen, during: Seen, after: Seen) -> Proof:  # noqa: ARG002
        """Running again, under the limit that it had before."""
        earlier, later = self.looks(before), self.looks(after)
        if missing := too_few(earlier, later, RECOVERY):
            return missing
        usual = {name: self.limit(looks[-1]) for name, looks in earlier.items()}
        return running_again(later, lambda look: self.limit(look) == usual[look.member])


def too_few(before: Members, during: Members, then: str = FAULT) -> Proof | None:
    """A failed proof if some member has too few samples, else None."""
    for phase, when, members in ((BASELINE, "before the fault", before), (then, "to compare", during)):
        same = members.keys() == before.keys()
        least = min((len(looks) for looks in members.values()), default=0) if same else 0
        if least < LOOKS_MIN:
            return few(least, LOOKS_MIN, f"a member has only {least} samples {when}", phase, unit="samples")
    return None


def was(life: Life, before: Members, during: Members) -> Proof:
    """Every member was in this state nearly all the time while the fault was on, and never before."""
    if missing := too_few(before, during):
        return missing
    already = max(sum(look.life is life for look in looks) / len(looks) for looks in before.values())
    shares = {name: sum(look.life is life for look in looks) / len(looks) for name, looks in during.items()}
    worst = min(shares.values())
    sentence = f"it was {life} in {100 * worst:.0f} % of the samples"
    if already:
        sentence += f", but also in {percent(already)} of those before the fault"
        return Proof(proved=False, value=already, limit=0, unit="share", sentence=sentence)
    return Proof(proved=worst >= SHARE_MIN, value=worst, limit=SHARE_MIN, unit="share", sentence=sentence)


def running_again(after: Members, also: Callable[[PartSample], bool]) -> Proof:
    """From half-way on at the latest, every member ran to the end without a restart, and `also` held."""
    worst = min(_well_to_the_end(looks, also) / len(looks) for looks in after.values())
    sentence = f"it was healthy in the last {100 * worst:.0f} % of the samples after healing"
    return Proof(
        proved=worst >= WELL_SHARE_MIN, value=worst, limit=WELL_SHARE_MIN, unit="share", sentence=sentence
    )


def not_in_force(sentence: str) -> Proof:
    """The failed proof of a limit that was not there all the time: no number says so."""
    told = f"{sentence}, but the limit was not always in force"
    return Proof(proved=False, value=None, limit=None, unit="", sentence=told)


def lower(parameter: str) -> str:
    """What to do where a limit was never reached."""
    return f"A limit that is never reached is no fault: lower it with --set fault.{parameter}=N."


def limited_to(asked: float, during: Members, limit: Reading) -> bool:
    """Whether every sample of a live member shows this limit."""
    seen = [limit(look) for looks in during.values() for look in looks if look.life is not Life.DEAD]
    return bool(seen) and all(found is not None and abs(found - asked) < 0.01 * asked for found in seen)


def grown(looks: Sequence[PartSample], counter: Reading) -> tuple[float, float]:
    """How much a counter grew, and in how many seconds; spans with a restart are left out."""
    total = lasted_s = 0.0
    for one, other in pairwise(looks):
        earlier, later = counter(one), counter(other)
        if earlier is None or later is None or later < earlier or other.start_s - one.start_s > GAP_S_MAX:
            continue
        total += later - earlier
        lasted_s += other.start_s - one.start_s
    return total, lasted_s


def _well_to_the_end(looks: Sequence[PartSample], also: Callable[[PartSample], bool]) -> int:
    """How many of the last samples show the same process, running."""
    count = 0
    for look in reversed(looks):
        if look.life is not Life.RUNNING or look.pid != looks[-1].pid or not also(look):
            break
        count += 1
    return count
