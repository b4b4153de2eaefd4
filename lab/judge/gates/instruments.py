"""Whether the instruments of the lab worked: the generator of the load, and the check of every answer."""

from __future__ import annotations

from collections.abc import Sequence

from lab.judge.evidence import TwinEvidence
from lab.judge.gates.plain import yes_or_no
from lab.judge.statistics import is_right, of_ops
from lab.model import Failure, Gate, percent, plural

CPU_SHARE_MAX = 0.8  # of the core that it runs on: above it answers wait for the generator


def generator(twin: TwinEvidence) -> Gate:
    shed = int((twin.requests["failure"] == Failure.SHED).sum())
    hits = max(twin.summary.cap_hits, shed)
    errors, busy = twin.summary.errors, twin.summary.cpu_share_max
    sentence = f"The load generator held back {plural(hits, 'request')} at its own limit."
    if errors:
        sentence += f" It had {plural(len(errors), 'error')} of its own; the first: {errors[0]}."
    if busy > CPU_SHARE_MAX:
        sentence += f" It used {percent(busy)} of a core, so it may have been late itself."
    return Gate(
        name="generator healthy",
        passed=not hits and not errors and busy <= CPU_SHARE_MAX,
        value=hits + len(errors),
        limit=0,
        unit="problems",
        sentence=sentence,
        twin=twin.twin,
    )


def oracle(twin: TwinEvidence) -> Gate:
    """An error was planted in a right answer to each operation whose answers are checked, and was detected."""
    tried = twin.summary.oracle
    unseen = sorted(op for op, saw in tried.items() if not saw)
    return yes_or_no("oracle alive", bool(tried) and not unseen, _seen(twin, unseen), twin.twin)


def _seen(twin: TwinEvidence, unseen: Sequence[str]) -> str:
    """Which planted errors were detected, in words; those of the operations `unseen` were not."""
    tried = twin.summary.oracle
    if not tried:
        return "Nothing says what a right answer must contain, so no wrong answer could be detected."
    if not unseen:
        return f"The check of answers detected the error planted for each of {len(tried)} operations."
    never = [op for op in unseen if not is_right(of_ops(twin.requests, twin.ops, (op,))).any()]
    if never:
        return f"No right answer ever came to {', '.join(never)}, so no error could be planted in one."
    return f"The check of answers did not detect the error planted for {', '.join(unseen)}."
