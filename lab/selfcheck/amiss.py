"""What in a run no busy machine does to a twin. Without it, a baseline that was not healthy shows no mutant. Pure.

A machine that is short of time makes answers late, loses some, and has requests refused with "try again". It makes no
answer wrong, refuses nothing for good, and does not fail one kind of request for a whole phase while it serves others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.judge.statistics import asked, between, is_conflict, is_right, is_settled, is_wrong, of_ops
from lab.model import BASELINE, FAULT, RECOVERY, Evidence, plural

NEVER_OF = 5  # requests of one kind in a phase: with fewer, it may be chance that none got a right answer


def amiss(twin: Evidence, paths: Mapping[int, str]) -> tuple[str, ...]:
    """In words; nothing if a busy machine explains all. `paths` are those of the writes, by number of the request."""
    return (*_wrong(twin), *_never_right(twin, paths))


def _wrong(twin: Evidence) -> Iterator[str]:
    """Answers before the fault that were wrong, or that refused for good what should have been served."""
    before = between(asked(twin), *twin.phases.window(BASELINE))
    for op in twin.ops:
        mine = of_ops(before, twin.ops, (op,))
        wrong = is_wrong(mine)
        refused = is_settled(mine) & ~is_right(mine) & ~is_conflict(mine) & ~wrong
        if wrong.any():
            yield f"{plural(int(wrong.sum()), 'wrong answer')} to {op}"
        if refused.any():
            yield f"{plural(int(refused.sum()), 'refusal')} of {op} for good"


def _never_right(twin: Evidence, paths: Mapping[int, str]) -> Iterator[str]:
    """Requests to one path, or of one operation, that never got a right answer in a phase without a fault, while others
    did. Where nothing is broken, that is every phase from the baseline on."""
    for phase in (BASELINE,) if twin.faults else (BASELINE, FAULT, RECOVERY):
        planned = between(asked(twin), *twin.phases.window(phase))
        right: dict[str, list[bool]] = {}
        for i, op, well in zip(planned["i"], planned["op"], is_right(planned), strict=True):
            right.setdefault(_kind(paths.get(int(i), ""), twin.ops[op]), []).append(bool(well))
        never = [kind for kind, seen in right.items() if len(seen) >= NEVER_OF and not any(seen)]
        if any(map(any, right.values())):
            yield from (f"no right answer to {kind} in the {phase} phase" for kind in sorted(never))


def _kind(path: str, op: str) -> str:
    """A path that names a single thing is asked for too seldom to tell anything: then the operation."""
    return op if not path or any(letter.isdigit() for letter in path) else path
