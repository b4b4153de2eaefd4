"""Whether the instruments of the lab worked: the generator of the load, and the check of every answer."""

from __future__ import annotations

from lab.judge.evidence import TwinEvidence
from lab.judge.gates.plain import yes_or_no
from lab.judge.gates.steps import REPORT, advised
from lab.judge.statistics import Requests, is_right, is_wrong, of_ops
from lab.model import Failure, Gate, percent, plural

CPU_SHARE_MAX = 0.8  # of the core that it runs on: above it answers wait for the generator


def generator(twin: TwinEvidence) -> Gate:
    shed = int((twin.requests["failure"] == Failure.SHED).sum())
    hits = max(twin.summary.cap_hits, shed)
    errors, busy = twin.summary.errors, twin.summary.cpu_share_max
    problems = hits + len(errors)
    sentence = f"The load generator held back {plural(hits, 'request')} at its own limit."
    if errors:
        sentence += f" It had {plural(len(errors), 'error')} of its own; the first: {errors[0]}."
    if busy > CPU_SHARE_MAX:
        sentence += f" It used {percent(busy)} of a core, so it may have been late itself."
    value, limit, unit = (problems, 0, "problems") if problems else (busy, CPU_SHARE_MAX, "share")
    gate = Gate(
        name="generator healthy",
        passed=value <= limit,
        value=value,
        limit=limit,
        unit=unit,
        sentence=sentence,
        twin=twin.twin,
    )
    return advised(gate, REPORT if errors and not hits and busy <= CPU_SHARE_MAX else "")


def oracle(twin: TwinEvidence) -> Gate:
    """An error was planted in a right answer to each operation whose answers are checked, and was detected.

    Where no answer was right, but some were found to be wrong, nothing needs to be planted.
    """
    tried = twin.summary.oracle
    unseen = [op for op, saw in tried.items() if not saw]
    blind = sorted(op for op in unseen if is_right(_answers(twin, op)).any())
    silent = sorted(op for op in set(unseen) - {*blind} if not is_wrong(_answers(twin, op)).any())
    sentence = f"The check of answers detected the error planted for each of {len(tried)} operations."
    if not tried:
        sentence = "Nothing says what a right answer must contain, so no wrong answer could be detected."
    elif blind:
        sentence = f"The check of answers did not detect the error planted for {', '.join(blind)}."
    elif silent:
        sentence = f"No right answer ever came to {', '.join(silent)}, so no error could be planted in one."
    return yes_or_no("oracle alive", bool(tried) and not blind and not silent, sentence, twin.twin)


def _answers(twin: TwinEvidence, op: str) -> Requests:
    return of_ops(twin.requests, twin.ops, (op,))
