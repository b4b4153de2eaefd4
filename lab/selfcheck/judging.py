"""What became of a case, from the run that was made: what caught it, and whether that was the right thing. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.model import FAULT, Gate, PhaseNumbers, RunVerdict, TwinVerdict, Verdict
from lab.model.selfcheck import Case, CaseKind, CaseResult, Finding

INVALID = 3
# A folder that is refused with one sentence has no verdict: what refused it, by words of that sentence.
REFUSALS = {
    "checksums": ("was changed after the run", "is missing", "was not there when the run ended"),
    "names of the twins": ("belongs to the twin",),
}
BASELINE_HEALTHY = "baseline healthy"  # fails on a busy machine, too
RIGHT_ANSWERS, WRONG_CONTENT = "right answers", "had wrong content"
# What an effect of known size moves: the number, and what it is called.
MEASURED: Mapping[str, tuple[Callable[[PhaseNumbers], float | None], str]] = {
    "p50": (lambda numbers: numbers.p50_ms, "The median in ms"),
    "good requests": (
        lambda numbers: None if numbers.good_ratio is None else 100 * numbers.good_ratio,
        "The share of good requests in percent",
    ),
}
Told = tuple[Finding, str, tuple[str, ...]]  # how it ended, as a sentence, and all that told


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A run that was made for a case: the last exit code and words of the lab, and what its folder says, if it has one.

    A verdict has the titles of its checks; `checks` are their names, in the same order. `amiss` is what in the run no
    busy machine does.
    """

    code: int
    words: str
    run: str = ""
    verdict: RunVerdict | None = None
    checks: tuple[str, ...] = ()
    amiss: tuple[str, ...] = ()
    ran: bool = True  # whether a log shows that the code in question ran
    error: str = ""  # why the case could not be tried as it should


def found(case: Case, trial: Trial) -> CaseResult:
    """The result of `case`, without when and where it was tried."""
    finding, sentence, told = _finding(case, trial)
    return CaseResult(case=case.name, finding=finding, sentence=sentence, told=told, run=trial.run)


def _finding(case: Case, trial: Trial) -> Told:
    if trial.error:
        return Finding.UNDECIDED, trial.error, ()
    if case.caught_by in REFUSALS:
        refused = any(words in trial.words for words in REFUSALS[case.caught_by])
        told = (case.caught_by,) if refused else ()
        return (Finding.CAUGHT if refused else Finding.SURVIVED), trial.words, told
    if not trial.ran:
        return Finding.DORMANT, f"No log shows that its code ran. {trial.words}".rstrip(), ()
    if trial.verdict is None:
        return _without_a_verdict(case, trial)
    if case.kind is CaseKind.SAME:
        return _same(trial.verdict)
    if case.kind is CaseKind.EFFECT:
        return _effect(case, trial.verdict, trial.checks)
    return _told(case, trial.verdict, trial)


def _without_a_verdict(case: Case, trial: Trial) -> Told:
    """Judged by the exit code alone: the run is invalid, and nothing says why."""
    if case.kind is CaseKind.SABOTAGE and trial.code == INVALID:
        return Finding.ELSEWHERE, f"Invalid, but without a verdict: {trial.words}", ()
    return Finding.UNDECIDED, f"The run has no verdict: {trial.words}", ()


def _same(verdict: RunVerdict) -> Told:
    if not verdict.valid:
        return Finding.UNDECIDED, verdict.sentence, ()
    words = [str(twin.verdict) for twin in verdict.twins]
    if Verdict.INCONCLUSIVE in words:
        return Finding.UNDECIDED, verdict.sentence, ()
    finding = Finding.CAUGHT if len(set(words)) == 1 else Finding.SURVIVED
    return finding, f"Both twins: {words[0]}." if finding is Finding.CAUGHT else verdict.sentence, ()


def _effect(case: Case, verdict: RunVerdict, names: Sequence[str]) -> Told:
    """Whether the second twin differs as it must from the first, in which nothing was planted."""
    if not verdict.valid:
        return Finding.UNDECIDED, verdict.sentence, ()
    clean, planted = verdict.twins
    if case.rise is not None:
        return _rise(case.caught_by, case.rise, clean, planted)
    mine, theirs = _broken(planted, names), _broken(clean, names)
    if case.caught_by in theirs:
        both = f"The twin without the effect broke as well: {verdict.sentence}"
        return Finding.UNDECIDED, both, tuple(mine)
    if case.caught_by in mine:
        return Finding.CAUGHT, _sentence(planted, mine.index(case.caught_by)), tuple(mine)
    return (Finding.ELSEWHERE if mine else Finding.SURVIVED), verdict.sentence, tuple(mine)


def _rise(name: str, limits: tuple[float, float], clean: TwinVerdict, planted: TwinVerdict) -> Told:
    number, what = MEASURED[name]
    before, after = (number(twin.numbers.phases[FAULT]) for twin in (clean, planted))
    if before is None or after is None:
        return Finding.UNDECIDED, "There is nothing to compare.", ()
    sentence = f"{what} went from {before:.1f} to {after:.1f}, by {after - before:+.1f}."
    seen = limits[0] <= after - before <= limits[1]
    return (Finding.CAUGHT if seen else Finding.SURVIVED), sentence, (name,) if seen else ()


def _told(case: Case, verdict: RunVerdict, trial: Trial) -> Told:
    """The gates or checks of any twin that caught it. Only a gate can catch sabotage: a check blames the twin."""
    gates = _unique(gate.name for gate in verdict.gates if not gate.passed)
    told = gates or _unique(name for twin in verdict.twins for name in _broken(twin, trial.checks))
    if case.silent and verdict.valid:
        told = tuple(name for name in told if name in case.silent)
    if case.kind is CaseKind.SABOTAGE and verdict.valid:
        return Finding.SURVIVED, verdict.sentence, ()
    if chance := _by_chance(case, verdict, trial, told):
        return Finding.UNDECIDED, f"{chance} {verdict.sentence}", told
    if case.caught_by in told or any(_is_of(case, gate) for gate in verdict.gates):
        return Finding.CAUGHT, _who_told(case, verdict, trial.checks), told
    if case.kind is CaseKind.MUTANT and gates and set(gates) != {BASELINE_HEALTHY}:
        return Finding.UNDECIDED, verdict.sentence, told
    return (Finding.ELSEWHERE if told else Finding.SURVIVED), verdict.sentence, told


def _by_chance(case: Case, verdict: RunVerdict, trial: Trial, told: Sequence[str]) -> str:
    """Why the run says nothing about the case, whatever `told` in it; "" if it does."""
    if (
        case.kind is CaseKind.MUTANT and BASELINE_HEALTHY in told and not trial.amiss
    ):  # it fails on a busy machine, too
        return "A busy machine explains what was seen before the fault."
    if case.caught_by in told and not _because_of_it(case, verdict, trial.checks):
        return f"'{case.caught_by}' failed for another reason than what was done."
    unclear = any(twin.verdict is Verdict.INCONCLUSIVE for twin in verdict.twins)
    if case.equivalent and unclear and not (told or case.silent):
        return "Too little was seen to say that nobody could notice it."
    return ""


def _because_of_it(case: Case, verdict: RunVerdict, names: Sequence[str]) -> bool:
    if verdict.valid:
        return case.says.casefold() in _who_told(case, verdict, names).casefold()
    return any(_is_of(case, gate) for gate in verdict.gates)


def _is_of(case: Case, gate: Gate) -> bool:
    """Whether `gate` is the one that must fail, and failed because of what was done."""
    if gate.passed or not _names(case, gate) or case.says.casefold() not in gate.sentence.casefold():
        return False
    return case.value is None or (gate.value is not None and case.value[0] <= gate.value <= case.value[1])


def _names(case: Case, gate: Gate) -> bool:
    """A wrong answer before the fault is told by the gate of the baseline, one that comes later by the check."""
    early = gate.name == BASELINE_HEALTHY and WRONG_CONTENT in gate.sentence
    return gate.name == case.caught_by or (case.caught_by == RIGHT_ANSWERS and early)


def _who_told(case: Case, verdict: RunVerdict, names: Sequence[str]) -> str:
    """What the gate or check that caught it said."""
    for gate in verdict.gates:
        if _is_of(case, gate):
            return gate.sentence
    for twin in verdict.twins:
        broken = _broken(twin, names)
        if case.caught_by in broken:
            return _sentence(twin, broken.index(case.caught_by))
    return verdict.sentence


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _broken(twin: TwinVerdict, names: Sequence[str]) -> list[str]:
    """The names of the checks that `twin` broke."""
    pairs = zip(names, twin.checks, strict=False)
    return [name for name, result in pairs if result.verdict is Verdict.BROKEN]


def _sentence(twin: TwinVerdict, number: int) -> str:
    """The sentence of the broken check number `number`, with its first example."""
    result = [result for result in twin.checks if result.verdict is Verdict.BROKEN][number]
    return " ".join([result.sentence, *result.examples[:1]])
