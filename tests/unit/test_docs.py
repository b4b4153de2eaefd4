"""Documentation that cannot rot: lists are generated, links lead somewhere, commands exist."""

import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lab import cli
from lab.catalogue import Entry, entries
from lab.checks.invariants import INVARIANTS
from lab.checks.slos import SLOS
from lab.cli.looking import markdown_table
from lab.cli.pages import PAGES as PAGES_OF_SCENARIOS
from lab.cli.pages import excerpt, path_of
from lab.cli.pages import page as page_of_a_scenario
from lab.cli.reference import page as page_of_the_reference
from lab.cli.selfcheck import BEGIN, END
from lab.faults import FAULTS
from lab.judge.gates.steps import STEPS
from lab.model import LabError, Scenario
from lab.model.campaigns import Ablated
from lab.record.files import read_value
from lab.selfcheck.reading import cases
from reports.matrix import page as page_of_the_matrix
from reports.selfcheck import Checked, sentence
from reports.selfcheck import page as page_of_the_self_check
from services.defences import costs
from services.defences.__main__ import awaited
from services.defences.__main__ import page as page_of_defences
from tests.unit import test_catalogue_checks as demands

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = {
    command.callback.__name__.rstrip("_") for command in cli.app.registered_commands if command.callback
}


def test_the_readme_s_table_of_scenarios_is_the_catalogue() -> None:
    assert markdown_table() in (ROOT / "README.md").read_text(), (
        "paste the output of: bin/lab list --markdown"
    )


def test_the_page_of_the_defences_is_what_they_say_of_themselves() -> None:
    assert page_of_defences() == (ROOT / "docs" / "defences.md").read_text(), (
        "make it again: .venv/bin/python -m services.defences > docs/defences.md"
    )


def test_the_matrix_is_what_was_measured_of_the_scenarios_and_defences_of_today() -> None:
    scenarios = [entry.scenario for entry in entries().values()]
    measured = {each.scenario: each for each in read_value(ROOT / "docs" / "matrix.json", list[Ablated])}
    made = page_of_the_matrix(scenarios, measured, awaited())
    assert made == (ROOT / "docs" / "matrix.md").read_text(), "make it again: bin/lab matrix"


def test_the_self_check_s_page_and_its_score_in_the_readme_are_what_came_of_the_cases_of_today() -> None:
    checked = read_value(ROOT / "docs" / "selfcheck.json", Checked)
    again = "make it again: bin/lab selfcheck --page"
    assert page_of_the_self_check(cases(), checked) == (ROOT / "docs" / "selfcheck.md").read_text(), again
    assert f"{BEGIN}{sentence(cases(), checked)}{END}" in (ROOT / "README.md").read_text(), again


def test_the_readme_says_what_was_measured_of_the_cost_of_all_defences() -> None:
    cpu, time = (costs.read()["twins"][name] for name in ("cpu_ms", "time_ms"))
    hardened = f"{cpu['other']:.1f} ms of CPU and {time['other']:.1f} ms of time each"
    told = f"{hardened}, against {cpu['base']:.1f} and {time['base']:.1f} ms in the naive twin"
    assert told in (ROOT / "README.md").read_text()


def test_the_reference_is_what_the_code_has() -> None:
    again = "make it again: .venv/bin/python -m lab.cli.reference > docs/reference.md"
    assert page_of_the_reference() + "\n" == (ROOT / "docs" / "reference.md").read_text(), again


@pytest.mark.parametrize("entry", entries().values(), ids=lambda entry: entry.scenario.name)
def test_the_page_of_a_scenario_is_what_scenario_and_twins_have(entry: Entry) -> None:
    made = page_of_a_scenario(entry)
    assert made == path_of(entry).read_text(), "make it again: .venv/bin/python -m lab.cli.pages"
    before, answer, _ = made.partition("<details>")
    assert answer
    assert "hardened" not in before.partition("## Predict")[0]
    for place in entry.scenario.code:
        assert excerpt("naive", place) != excerpt("hardened", place)


def test_there_is_no_page_of_a_scenario_that_is_gone() -> None:
    assert {path.name for path in PAGES_OF_SCENARIOS.glob("*.md")} == {f"{name}.md" for name in entries()}


def test_the_function_of_a_defence_is_shown_for_the_twin_that_has_it() -> None:
    place = "defences.deadline.DeadlineConnection.wait"
    assert excerpt("naive", place)[1] == ""
    assert excerpt("hardened", place)[1].startswith("def wait(self")


def test_code_that_is_not_there_is_named() -> None:
    with pytest.raises(LabError, match=r"no rooms\.teleport in the naive twin"):
        excerpt("naive", "rooms.teleport")


def example() -> Scenario:
    """The scenario that docs/adding.md shows."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "adding.md").read_text(), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    found: Scenario = names["SCENARIO"]
    return found


DEMANDS: tuple[Callable[..., None], ...] = (
    demands.test_whatever_is_written_is_looked_at_by_the_invariants_about_it,
    demands.test_where_money_moves_some_wallets_run_dry,
    demands.test_the_first_check_is_what_the_scenario_is_about_and_can_decide,
    partial(demands.test_every_limit_can_be_reached_within_a_run, quick=True),
    partial(demands.test_a_twin_that_refuses_everything_during_the_fault_breaks_a_check, quick=True),
)


@pytest.mark.parametrize("number", range(len(DEMANDS)))
def test_the_example_of_a_scenario_does_all_that_is_demanded_of_one(number: int) -> None:
    DEMANDS[number](scenario=example())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"bin/lab ([a-z]+)", page.read_text()))
    assert named <= COMMANDS


def test_the_glossary_explains_every_word_of_the_lab() -> None:
    named = re.search(r"report and docs: (.*?)\.", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    explained = re.findall(r"^\*\*(.+?)\.\*\*", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    terms = {term.lower() for entry in explained for term in entry.split(", ")}
    assert named is not None
    assert set(re.split(r",\s+", named[1])) - terms == set()


def test_the_table_of_the_gates_says_what_the_gates_say() -> None:
    page = (ROOT / "docs" / "reading-a-report.md").read_text()
    table = page.partition("| gate |")[2].partition("\n\n")[0].partition("| --- |\n")[2]
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$", table, re.MULTILINE)
    told = {name: step.replace("`", "") for names, step in rows for name in names.split(", ")}
    assert {**told, "run complete": ""} == STEPS


STILTED = (
    "with its own eyes",
    "judges nobody",
    "nobody is judged",
    "come again",
    "send lag",
    "so it is |",
    "what is there was asked for",
)


@pytest.mark.parametrize("phrase", STILTED)
def test_phrases_that_had_to_be_read_twice_do_not_come_back(phrase: str) -> None:
    tops = ("docs", "lab", "services", "reports", "loadtests", "scenarios")
    files = [path for top in tops for path in (ROOT / top).rglob("*") if path.suffix in {".md", ".py", ".j2"}]
    recorded = ROOT / "docs" / "matrix.md"  # quotes verdicts of the day of their runs
    told = [path for path in [ROOT / "README.md", *files] if path != recorded]
    assert [str(path.relative_to(ROOT)) for path in told if phrase in path.read_text()] == []


@pytest.mark.parametrize("thing", [*FAULTS, *SLOS, *INVARIANTS], ids=lambda thing: thing.__name__)
def test_every_fault_and_check_opens_with_what_it_is(thing: type) -> None:
    assert (sys.modules[thing.__module__].__doc__ or "").strip().count(" ") >= 5
