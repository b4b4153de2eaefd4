"""Documentation that cannot rot: lists are generated, links lead somewhere, commands exist."""

import re
import sys
from pathlib import Path

import pytest

from lab import cli
from lab.catalogue import entries
from lab.checks.invariants import INVARIANTS
from lab.checks.slos import SLOS
from lab.cli.looking import markdown_table
from lab.faults import FAULTS
from lab.model import Ablated
from lab.record.files import read_value
from reports.matrix import page as page_of_the_matrix
from services.defences.__main__ import awaited
from services.defences.__main__ import page as page_of_defences

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"bin/lab ([a-z]+)", page.read_text()))
    assert named <= COMMANDS


@pytest.mark.parametrize("thing", [*FAULTS, *SLOS, *INVARIANTS], ids=lambda thing: thing.__name__)
def test_every_fault_and_check_opens_with_what_it_is(thing: type) -> None:
    assert (sys.modules[thing.__module__].__doc__ or "").strip().count(" ") >= 5
