"""The vocabulary of the lab, as frozen values: standard library only, no behaviour that touches the world.

Times are seconds. An instant named `…_at` is a CLOCK_MONOTONIC reading; an offset named `…_s` counts
from the run's T0, the start of warm-up. Fractions are 0-1. Units end names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, ClassVar, Protocol

NAIVE = "naive"
HARDENED = "hardened"
TWINS = (NAIVE, HARDENED)

EDGE = "edge"
DATABASE = "database"
PAYMENTS = "payments"
LINKS = (EDGE, DATABASE, PAYMENTS)

WARMUP = "warmup"
BASELINE = "baseline"
FAULT = "fault"
RECOVERY = "recovery"
DRAIN = "drain"
PHASES = (WARMUP, BASELINE, FAULT, RECOVERY, DRAIN)


class LabError(Exception):
    """Something the user can act on: the message names the thing and the next step."""

    exit_code = 2


class Verdict(StrEnum):
    """The judgement on one check, or on a twin: the worst of its checks wins."""

    HELD = "held"
    INCONCLUSIVE = "inconclusive"
    BROKEN = "broken"

    @classmethod
    def worst(cls, verdicts: Sequence[Verdict]) -> Verdict:
        """The most severe of `verdicts`; inconclusive when there is none to look at."""
        order = (cls.HELD, cls.INCONCLUSIVE, cls.BROKEN)
        return max(verdicts, key=order.index, default=cls.INCONCLUSIVE)


class Outcome(IntEnum):
    """What the client may believe about one request."""

    OK = 0  # acknowledged: the effect must be there
    REFUSED = 1  # surely no effect: a 4xx, a 503 to a read, or a problem document with "effect": "none"
    UNKNOWN = 2  # may have taken effect: time-out, reset, any other 5xx


class Failure(IntEnum):
    """How a request failed below HTTP, as the load generator saw it."""

    NONE = 0
    CONNECT_REFUSED = 1
    CONNECT_TIMEOUT = 2
    TIMEOUT = 3
    RESET = 4
    CLOSED = 5
    MALFORMED = 6
    ABORTED = 7  # cut off by the generator itself
    SHED = 8  # never sent: the generator's own cap was hit
    OTHER = 9


@dataclass(frozen=True, kw_only=True)
class Phases:
    """How long each phase lasts, in seconds, in the order of a run."""

    warmup_s: float
    baseline_s: float
    fault_s: float
    recovery_s: float
    drain_s: float

    def window(self, phase: str) -> tuple[float, float]:
        """[start, end) of `phase`, seconds from T0."""
        lengths = (self.warmup_s, self.baseline_s, self.fault_s, self.recovery_s, self.drain_s)
        index = PHASES.index(phase)
        start = sum(lengths[:index])
        return start, start + lengths[index]

    @property
    def load_s(self) -> float:
        """Seconds from T0 to the last planned arrival: no request is planned in the drain."""
        return self.window(DRAIN)[0]

    @property
    def total_s(self) -> float:
        return self.window(DRAIN)[1]


FULL = Phases(warmup_s=10, baseline_s=20, fault_s=30, recovery_s=20, drain_s=10)
QUICK = Phases(warmup_s=2, baseline_s=5, fault_s=8, recovery_s=8, drain_s=1)


@dataclass(frozen=True, kw_only=True)
class Load:
    """An open-loop load: arrivals do not wait for answers.

    `mix` weighs the operations of the workload. `good_within_ms` is X of the SLI: a request is
    good when it is ok, correct and answered within X of its intended instant. `client_timeout_s` is C: the whole
    request, connect included, is given up then.
    """

    rate_rps: float
    mix: Mapping[str, float]
    good_within_ms: float = 500
    client_timeout_s: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Burst:
    """A seeded on/off schedule: exponential times with these means, cut off at a tenth and at three times the mean."""

    on_s: float
    off_s: float


@dataclass(frozen=True, kw_only=True)
class Toxic:
    """One Toxiproxy toxic, as its HTTP API takes it (attributes are integers)."""

    type: str
    stream: str
    attributes: Mapping[str, int]
    toxicity: float = 1.0


@dataclass(frozen=True, kw_only=True)
class LinkState:
    """What a link shall do: pass (`enabled`, no toxics), be down, or carry toxics."""

    enabled: bool = True
    toxics: tuple[Toxic, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ProbeSample:
    """One in-path probe: a fresh connection through the proxy of `link`, one small exchange, a close.

    `error` is "" when the answer came, else refused, reset, closed, timeout, malformed. Times count from `start_s`
    (seconds from T0) and are None where that step was not reached: `connect_ms` the TCP handshake, `first_byte_ms`
    and `last_byte_ms` of the answer, `closed_ms` the end of stream after the probe asked the server to close.
    """

    link: str
    start_s: float
    error: str
    connect_ms: float | None
    first_byte_ms: float | None
    last_byte_ms: float | None
    closed_ms: float | None
    received_bytes: int
    chunks: int


@dataclass(frozen=True, kw_only=True)
class ProbeSpec:
    """How a probe must look to feel a fault: sizes of question and answer, and how long it waits for the latter."""

    request_bytes: int = 0
    reply_bytes: int = 0
    timeout_s: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Whether a probe felt the fault (or its healing): the number beside its limit, in one sentence."""

    proved: bool
    value: float | None
    limit: float | None
    unit: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Fault:
    """The thing injected. Subclasses live in lab/faults, one a file, and add their parameters with units.

    `during` is the part of the fault phase in which it acts, as fractions. With `burst` it flips on and off inside
    that part on a schedule drawn from the run's seed.
    """

    kind: ClassVar[str]
    # 2 refuses connections, 1 leaves them without an answer: a probe feels the highest only.
    masking: ClassVar[int] = 0
    link: str
    during: tuple[float, float] = (0.0, 1.0)
    burst: Burst | None = None

    def state(self) -> LinkState:
        """What the link shall do while the fault is on. Raises LabError on a parameter out of range."""
        raise NotImplementedError

    def describe(self) -> str:
        """One short line for people, with units."""
        raise NotImplementedError

    def probe(self) -> ProbeSpec:
        """The probe that can feel this fault."""
        return ProbeSpec()

    def felt(self, before: Sequence[ProbeSample], during: Sequence[ProbeSample]) -> Proof:
        """Whether `during` shows this fault, `before` being the same probe without it."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Action:
    """One switch of a fault: at `at_s` from T0, fault number `fault` of the scenario goes on or off."""

    at_s: float
    fault: int
    on: bool


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One planned request. `expect` lists top-level members that a right 2xx answer must show (the oracle)."""

    i: int
    at_s: float
    op: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    key: str | None = None
    expect: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation with its asked and answered content, for invariants: the history of one write or versioned read."""

    i: int
    op: str
    at_s: float
    end_s: float
    outcome: Outcome
    status: int
    asked: Mapping[str, Any]
    key: str | None
    answered: Any


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """One check's judgement of one twin. `examples` shows what was lost, doubled or late: first, worst, last."""

    check: str
    verdict: Verdict
    value: float | None
    threshold: float | None
    unit: str
    sentence: str
    examples: tuple[str, ...] = ()
    invariant: str = ""  # "I4" … for an invariant, "" for an SLO


class Evidence(Protocol):
    """What a check may look at: one twin's part of the run folder. `lab.record.TwinRecord` provides it."""

    @property
    def twin(self) -> str: ...
    @property
    def scenario(self) -> Scenario: ...
    @property
    def phases(self) -> Phases: ...
    # A numpy structured array, lab.record.REQUEST, sorted by i; times are seconds from T0.
    @property
    def requests(self) -> Any: ...
    @property
    def ops(self) -> tuple[str, ...]: ...  # names for the `op` column of `requests`
    @property
    def history(self) -> Sequence[Operation]: ...
    @property
    def initial(self) -> Mapping[str, Any]: ...
    @property
    def final(self) -> Mapping[str, Any]: ...
    @property
    def metrics(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def probes(self) -> Sequence[ProbeSample]: ...
    # (fault number, really on, really off), seconds from T0.
    @property
    def fault_windows(self) -> Sequence[tuple[int, float, float]]: ...


@dataclass(frozen=True, kw_only=True)
class Check:
    """Judges one twin from its evidence. Subclasses live in lab/checks, one a file; they are pure."""

    name: ClassVar[str]
    invariant: ClassVar[str] = ""

    def title(self) -> str:
        """The claim in words, with its threshold."""
        raise NotImplementedError

    def judge(self, evidence: Evidence) -> CheckResult:
        """The verdict on one twin. An exception raised here is reported as inconclusive, never as held."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A written failure story: what is loaded, what breaks, what must still be true, and what each twin will do."""

    name: str
    title: str
    hypothesis: str
    question: str  # what a student answers before running it
    mirrors: str  # the outage it mirrors, with its source
    load: Load
    faults: tuple[Fault, ...] = ()
    checks: tuple[Check, ...] = ()
    expected: Mapping[str, Verdict] = field(
        default_factory=lambda: {NAIVE: Verdict.BROKEN, HARDENED: Verdict.HELD}
    )
    baseline_good_min: float = 0.99  # below it a run is invalid: that twin was ill before anything was broken
    lesson: str = ""  # the defences that make the difference, in one sentence
    full: Phases = FULL
    quick: Phases = QUICK


@dataclass(frozen=True, kw_only=True)
class SeedSizes:
    """How much data each twin starts with."""

    users: int = 500
    rooms: int = 40
    bookings: int = 2_000
    wallets: int = 500


@dataclass(frozen=True, kw_only=True)
class TwinPlan:
    """One twin to bring up: which service, and which of its defences are on ("all", "none", "all,-deadline" …)."""

    name: str
    defences: str = "all"

    @property
    def app(self) -> str:
        """The WSGI application for gunicorn."""
        return f"services.{self.name}.app:create_app()"


@dataclass(frozen=True, kw_only=True)
class Stack:
    """All that a testbed brings up for one run. Everything it owns carries `run`."""

    run: str
    twins: tuple[TwinPlan, ...] = (TwinPlan(name=NAIVE, defences="none"), TwinPlan(name=HARDENED))
    seed_sizes: SeedSizes = SeedSizes()
    token: str = "lab-token"
    linger: bool = False  # `lab up`: outlive the command that started it


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A validity gate: if one fails the run is invalid, and no verdict is given."""

    name: str
    passed: bool
    value: float | None
    limit: float | None
    unit: str
    sentence: str
    twin: str = ""  # "" where the gate looks at the pair


@dataclass(frozen=True, kw_only=True)
class TwinVerdict:
    """All that was judged of one twin. `numbers` are descriptive figures by phase, as lab.judge.verdict has them."""

    twin: str
    verdict: Verdict
    expected: Verdict
    checks: tuple[CheckResult, ...]
    numbers: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RunVerdict:
    """The judgement on a pair. `as_expected` is None when the run is invalid."""

    run: str
    scenario: str
    valid: bool
    gates: tuple[Gate, ...]
    twins: tuple[TwinVerdict, ...]
    as_expected: bool | None
    sentence: str  # the answer, first thing a reader sees
