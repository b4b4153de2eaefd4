"""What the faults of links share: a place, one Toxiproxy toxic, its limits, and how a probe proves them.

Toxiproxy hardly validates its input: it ignores unknown attributes, accepts negative delays, and some values crash the
whole server. So every parameter is checked here, before anything is started.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from lab.faults.parameters import require_times, rhythm
from lab.faults.proofs import link_healed
from lab.model import (
    CACHE,
    DATABASE,
    EDGE,
    LINKS,
    PAYMENTS,
    QUEUE,
    Capability,
    LabError,
    LinkSample,
    LinkState,
    Probe,
    Proof,
    Seen,
    StateFault,
    Target,
    Toxic,
    Unfit,
    a_link,
)

DOWNSTREAM = "downstream"  # what the server sends back
UPSTREAM = "upstream"  # what the client sends
DIRECTIONS = (DOWNSTREAM, UPSTREAM)
PLACE = {
    EDGE: "the service",
    DATABASE: "the database",
    PAYMENTS: "the payments dependency",
    CACHE: "the cache",
    QUEUE: "the queue",
}
DELAY_MS_MAX = 60_000
PROBE_WAIT_S = 1.0
BRIEF_EVERY_S = 0.05  # between probes of a fault that comes and goes: it must be seen within a burst
HTTP_QUESTION_BYTES_MAX = 8_000  # a server refuses longer headers


@dataclass(frozen=True, kw_only=True)
class LinkFault(StateFault):
    """A fault of one link, proved by the link's probe."""

    needs: ClassVar[Capability] = Capability.LINK
    link: str

    def target(self) -> Target:
        require_place(self)
        return a_link(self.link)

    def state(self) -> LinkState:
        raise NotImplementedError

    def probe(self) -> Probe:
        """The probe that shows this fault."""
        return self.looking()

    def shown(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        """Like `observed`, from the probe's samples."""
        raise NotImplementedError

    def probes(self) -> tuple[Probe, ...]:
        return (self.probe(),)

    def observed(self, before: Seen, during: Seen) -> Proof:
        return self.shown(link_samples(before), link_samples(during))

    def healed(self, before: Seen, during: Seen, after: Seen) -> Proof:  # noqa: ARG002 - nothing of it may remain
        return link_healed(link_samples(before), link_samples(after))

    def looking(
        self,
        *,
        request_bytes: int = 0,
        reply_bytes: int = 0,
        timeout_s: float = PROBE_WAIT_S,
    ) -> Probe:
        probe = Probe(
            target=a_link(self.link),
            request_bytes=request_bytes,
            reply_bytes=reply_bytes,
            timeout_s=timeout_s,
        )
        return replace(probe, every_s=BRIEF_EVERY_S) if self.burst else probe


def link_samples(seen: Seen) -> list[LinkSample]:
    return [sample for sample in seen.samples if isinstance(sample, LinkSample)]


@dataclass(frozen=True, kw_only=True)
class ToxicFault(LinkFault):
    """A fault that is one toxic, in one direction of the link."""

    direction: str = DOWNSTREAM

    def attributes(self) -> Mapping[str, int]:
        """The toxic's attributes as Toxiproxy names them, checked."""
        raise NotImplementedError

    def state(self) -> LinkState:
        require_place(self)
        if self.direction not in DIRECTIONS:
            raise Unfit(
                f"{self.kind}: direction must be downstream or upstream, not {self.direction!r}.", "direction"
            )
        return LinkState(toxics=(Toxic(type=self.kind, stream=self.direction, attributes=self.attributes()),))

    def way(self) -> str:
        """Where it acts, in words: on the way back from the database."""
        verb = "back from" if self.direction == DOWNSTREAM else "to"
        return f"on the way {verb} {PLACE[self.link]}"

    def rhythm(self) -> str:
        return rhythm(self)

    def carrying(self, size_bytes: int, timeout_s: float) -> Probe:
        """A probe that carries `size_bytes`, or as nearly as possible, in the direction of the fault."""
        if self.direction == DOWNSTREAM:
            return self.looking(reply_bytes=size_bytes, timeout_s=timeout_s)
        most = HTTP_QUESTION_BYTES_MAX if self.link in (EDGE, PAYMENTS) else size_bytes
        return self.looking(request_bytes=min(size_bytes, most), timeout_s=timeout_s)


def require_place(fault: LinkFault) -> None:
    """Raise LabError unless link and times of `fault` make sense."""
    if fault.link not in LINKS:
        raise LabError(f"{fault.kind}: link must be one of {', '.join(LINKS)}, not {fault.link!r}.")
    require_times(fault)
