"""What the lab itself observes of a target, and what that proves.

A sample is one observation of one target: a fresh connection through a link's proxy, the state of a process, the
sessions of a database. Instants are seconds from T0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from lab.model.targets import Life, Target
from lab.model.topology import DATABASE

# Answers that a probe waits for until its last byte: PostgreSQL's to the start-up packet and the password, which go out
# together (loadtests/probes/postgres.py), then to the query.
ROUND_TRIPS: Mapping[str, int] = {DATABASE: 2}
THIRDS = 3  # a fault, and its healing, must be seen from beginning to end


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How to observe a target so that a fault shows: sizes of request and answer, timeout, and how often."""

    target: Target
    request_bytes: int = 0
    reply_bytes: int = 0
    timeout_s: float = 1.0
    every_s: float = 0.1  # a load of its own: each session costs the database 10 ms of CPU time

    def merged(self, other: Probe) -> Probe:
        """One probe that shows what either of the two would."""
        return Probe(
            target=self.target,
            request_bytes=max(self.request_bytes, other.request_bytes),
            reply_bytes=max(self.reply_bytes, other.reply_bytes),
            timeout_s=max(self.timeout_s, other.timeout_s),
            every_s=min(self.every_s, other.every_s),
        )


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One observation of `target` (as `str(Target)`), begun at `start_s`. `error` is "" if it was answered."""

    target: str
    start_s: float
    error: str = ""

    @property
    def end_s(self) -> float:
        """When it had certainly ended; the start, if there was no answer, since nothing else is known."""
        return self.start_s


AnySample = TypeVar("AnySample", bound=Sample)


@dataclass(frozen=True, kw_only=True)
class LinkSample(Sample):
    """One in-path probe: a fresh connection through the proxy of the link, one small exchange, a close.

    `error` is "" when the answer came, else refused, reset, closed, timeout, malformed. Times count from `start_s`
    and are None where that step was not reached: `connect_ms` the TCP handshake, `first_byte_ms` and `last_byte_ms`
    of the answer, `closed_ms` the end of stream after the probe asked the server to close.
    """

    connect_ms: float | None
    first_byte_ms: float | None
    last_byte_ms: float | None
    closed_ms: float | None
    received_bytes: int
    chunks: int

    @property
    def end_s(self) -> float:
        steps = (self.connect_ms, self.first_byte_ms, self.last_byte_ms, self.closed_ms)
        return self.start_s + max((step for step in steps if step is not None), default=0.0) / 1000


@dataclass(frozen=True, kw_only=True)
class PartSample(Sample):
    """One member of a part, as the kernel or the engine reports it. Counters count from its start; None: unknown."""

    member: str
    pid: int  # 0 where it is dead
    life: Life
    restarts: int = 0  # how often this member was restarted in this run
    cpu_s: float | None = None
    rss_bytes: int | None = None
    descriptors: int | None = None  # the most that any of its processes has open
    throttled_s: float | None = None  # throttled by a CPU limit
    oom_kills: int | None = None
    cpus_max: float | None = None  # its current limits; None: no limit, or unknown
    rss_max_bytes: int | None = None
    descriptors_max: int | None = None


@dataclass(frozen=True, kw_only=True)
class SessionsSample(Sample):
    """The sessions of a database, read past every proxy. If it did not answer, all counts are 0."""

    service: int  # sessions of the service
    held: int  # sessions that the lab holds
    waiting: int  # sessions of the service that wait for a lock
    longest_wait_s: float = 0.0
    oldest_s: float = 0.0  # since the oldest session of the service was opened
    ended: int = 0  # sessions of the service that were in the last sample and are gone
    free: int | None = None  # connections that the service could still open
    deadlocks: int | None = None  # since the server started; its count may be some seconds late


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was observed of a target in some windows: samples, and the requests planned and recorded there.

    `steady`: nothing came and went there: neither this fault nor one that masks it.
    """

    samples: Sequence[Sample]
    length_s: float = 0.0
    planned: int = 0
    recorded: int = 0
    steady: bool = True


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Whether a fault (or its healing) was observed: the number beside its limit, in one sentence.

    `exceeds`: not proved, but only because the effect is larger than asked, as a busy machine makes it.
    `step`: what to do if it is not proved; "" where a quiet machine is what was missing.
    """

    proved: bool
    value: float | None
    limit: float | None
    unit: str
    sentence: str
    exceeds: bool = False
    step: str = ""


def thirds(samples: Sequence[AnySample], least: int) -> list[Sequence[AnySample]]:
    """Samples taken at an even pace, by time, in three equal parts; in fewer if each would have less than `least`."""
    by_time = sorted(samples, key=lambda sample: sample.start_s)
    count = max(1, min(THIRDS, len(by_time) // max(least, 1)))
    edges = [len(by_time) * number // count for number in range(count + 1)]
    return [by_time[start:end] for start, end in pairwise(edges)]
