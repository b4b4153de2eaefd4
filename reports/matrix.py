"""docs/matrix.md: which defence carries which scenario, from the ablations that were made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from lab.model import ALL_ON, NONE_ON, Ablated, Scenario, Told, Verdict, ablation_choices, alone, without
from reports.words import series

INTRODUCTION = """\
# The matrix: which defence carries which scenario

Each scenario names the [defences](defences.md) that should make its difference. Here is what they did in real runs of
the hardened twin, each of them switched off while all others were on, and switched on while all others were off.

- **Needed**: without it the twin breaks, although all other defences are on.
- **Enough**: with it the twin holds, although all other defences are off.

One run stands behind each verdict, so each is an illustration, not a proof. *Not run yet* and *invalid* say what is
missing; `bin/lab matrix --measure` makes these runs, and goes on where it was when it is stopped.

<!-- Made by bin/lab matrix of the ablations in runs/, and of docs/matrix.json for those whose runs are gone. -->
"""
NOT_RUN = "not run yet"
UNKNOWN_COMMIT = "an unknown commit"


def page(scenarios: Sequence[Scenario], ablations: Mapping[str, Ablated], awaited: Mapping[str, str]) -> str:
    """The whole page. `ablations` by scenario; `awaited` says of a defence which scenario to come will need it."""
    tested = [scenario for scenario in scenarios if scenario.defences]
    lines = [INTRODUCTION, _made_at(ablations.values()), "", *_overview(tested, ablations), ""]
    for scenario in tested:
        lines += [*_chapter(scenario, ablations.get(scenario.name)), ""]
    lines += [*_awaited({name for scenario in tested for name in scenario.defences}, awaited), ""]
    return "\n".join(lines)


def worth(full: str, nothing: str, missing: str, by_itself: str) -> str:
    """What four verdicts say of a defence: with all, with none, with all but it, with it alone."""
    held, broken = Verdict.HELD, Verdict.BROKEN
    if {full, nothing, missing, by_itself} - {held, broken}:
        return "cannot be told yet"
    if full == broken:
        return "cannot be told: the twin breaks with all of them"
    if nothing == held:
        return "cannot be told: the twin holds with none of them"
    needed, enough = missing == broken, by_itself == held
    if needed:
        return "needed and enough" if enough else "needed, not enough"
    return "enough, not needed: others do it too" if enough else "neither needed nor enough"


def _overview(scenarios: Iterable[Scenario], ablations: Mapping[str, Ablated]) -> Iterator[str]:
    yield "| scenario | defence | all but it | it alone | so it is |"
    yield "| --- | --- | --- | --- | --- |"
    for scenario in scenarios:
        found = ablations.get(scenario.name)
        for name in scenario.defences:
            full, nothing, missing, by_itself = (
                _verdict(found, choice) for choice in (ALL_ON, NONE_ON, without(name), alone(name))
            )
            so = worth(full, nothing, missing, by_itself)
            link = f"[{scenario.name}](#{scenario.name})"
            yield f"| {link} | [{name}](defences.md#{name}) | {missing} | {by_itself} | {so} |"


def _verdict(found: Ablated | None, choice: str) -> str:
    told = found and found.of(choice)
    return told.verdict if told else NOT_RUN


def _chapter(scenario: Scenario, found: Ablated | None) -> Iterator[str]:
    choices = ablation_choices(scenario.defences)
    yield f"## {scenario.name}"
    yield ""
    yield f"{scenario.title}. {scenario.hypothesis}"
    yield ""
    if found is None or not found.told:
        yield f"Not measured. `bin/lab ablate {scenario.name}` makes the {len(choices)} runs."
        return
    yield _source(found)
    yield ""
    yield "| defences that were on | verdict | what decided |"
    yield "| --- | --- | --- |"
    for choice in choices:
        told = found.of(choice)
        verdict, why = (told.verdict, told.sentence) if told else (NOT_RUN, "")
        yield f"| {_in_words(choice)} | {verdict} | {_cell(why)} |"


def _in_words(choice: str) -> str:
    if choice in (ALL_ON, NONE_ON):
        return choice
    if choice.startswith(without("")):
        return f"all but {choice.removeprefix(without(''))}"
    return f"{choice.removeprefix(alone(''))} alone"


def _source(found: Ablated) -> str:
    """Where, when and at which commit the runs were made; which at which, where there are several commits."""
    length = "Quick" if found.quick else "Full"
    runtimes = series(dict.fromkeys(told.runtime or "unknown" for told in found.told))
    days = sorted({told.day for told in found.told if told.day})
    when = " to ".join(dict.fromkeys([*days[:1], *days[-1:]]))
    made = f"{length} runs of the {found.twin} twin, runtime {runtimes}, seed {found.seed}, {when or 'day unknown'}"
    commits = _commits([found])
    if len(commits) == 1:
        return f"{made}, at {next(iter(commits))}."
    whose = [f"at {commit}: {', '.join(map(_in_words, choices))}" for commit, choices in commits.items()]
    return f"{made}, {'; '.join(whose)}."


def _made_at(ablations: Iterable[Ablated]) -> str:
    commits = _commits(ablations)
    if not commits:
        return "Nothing was measured yet."
    if len(commits) == 1:
        return f"All runs were made at {next(iter(commits))}."
    return f"The runs were made at {len(commits)} commits; each chapter says which."


def _commits(ablations: Iterable[Ablated]) -> dict[str, list[str]]:
    """The commits, in words, with the choices of defences that were run at each."""
    found: dict[str, list[str]] = {}
    for each in ablations:
        for told in each.told:
            found.setdefault(_commit(told), []).append(told.defences)
    return found


def _commit(told: Told) -> str:
    if not told.commit:
        return UNKNOWN_COMMIT
    changed = " with changes that are in no commit" if told.commit.endswith("+") else ""
    return f"commit `{told.commit.rstrip('+')}`{changed}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _awaited(named: set[str], awaited: Mapping[str, str]) -> Iterator[str]:
    yield "## Defences that no scenario needs yet"
    yield ""
    yield "Each has tests of its own, but no scenario here breaks without it. S03 and so on are scenarios to come."
    yield ""
    yield "| defence | will be needed by |"
    yield "| --- | --- |"
    for name, by in awaited.items():
        if name not in named:
            yield f"| [{name}](defences.md#{name}) | {_cell(by) or 'no scenario'} |"
