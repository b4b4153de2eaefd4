"""A file below scenarios/ that cannot be loaded is told in one sentence, and keeps nobody from the other scenarios."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import scenarios
from lab import catalogue
from lab.model import LabError
from tests.unit.conftest import Lab

FIX = "Fix it, or move it away."


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of scenarios beside those of the clone."""
    folder = tmp_path / "scenarios"
    folder.mkdir()
    monkeypatch.setattr(scenarios, "__path__", [str(folder), *scenarios.__path__])
    catalogue.read.cache_clear()
    yield folder
    for name in [name for name in sys.modules if name.endswith("_mine")]:
        del sys.modules[name]
    catalogue.read.cache_clear()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1\n\nSCENARIO = Scenari()\n", "NameError: name 'Scenari' is not defined, line 3"),
        ("SCENARIO = (\n", "SyntaxError: '(' was never closed, line 1"),
        ("import nowhere\n", "ModuleNotFoundError: No module named 'nowhere', line 1"),
        ("def f():\n    raise ValueError('a\\nb.')\n\nf()\n", "ValueError: a b, line 2"),
        ("raise SystemExit(0)\n", "SystemExit: 0, line 1"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_line(mine: Path, text: str, why: str) -> None:
    (mine / "s90_mine.py").write_text(text)
    said = f"scenarios/s90_mine.py cannot be loaded: {why}. {FIX}"
    assert catalogue.read().broken == {"scenarios/s90_mine.py": said}
    assert catalogue.find("s01").scenario.name == "s01-db-latency"
    for ask in (catalogue.entries, lambda: catalogue.find("s90")):
        with pytest.raises(LabError) as told:
            ask()
        assert str(told.value) == said


@pytest.mark.parametrize("text", ["SCENARIO = None\n", "SCENARIO = {}\n"])
def test_what_is_no_scenario_is_told_without_a_line(mine: Path, text: str) -> None:
    (mine / "s90_mine.py").write_text(text)
    (said,) = catalogue.read().broken.values()
    assert said.startswith("scenarios/s90_mine.py cannot be loaded: AttributeError: ")
    assert ", line" not in said


def test_a_folder_that_cannot_be_loaded_is_told_and_left_out(mine: Path) -> None:
    (mine / "f_mine").mkdir()
    (mine / "f_mine" / "__init__.py").write_text("import nowhere\n")
    (mine / "f_mine" / "s90_mine.py").write_text("raise ValueError\n")
    assert list(catalogue.read().broken) == ["scenarios/f_mine/__init__.py"]


def test_the_list_shows_the_others_and_a_line_about_this_one(lab: Lab, mine: Path) -> None:
    (mine / "s90_mine.py").write_text("import nowhere\n")
    for words in (("list",), ("list", "--json")):
        code, out, err = lab(*words)
        assert code == 0
        assert "s01-db-latency" in out
        assert err.startswith("scenarios/s90_mine.py cannot be loaded: ModuleNotFoundError")
        assert err.count("\n") == 1
    assert lab("show", "s01")[0] == 0
    code, _, err = lab("show", "s90-mine")
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot be loaded" in err


def test_the_scenarios_of_this_clone_can_all_be_loaded() -> None:
    assert not catalogue.read().broken
