"""--out: whatever path is named, the page goes there, or is refused before any work is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cli import matrix, selfcheck
from tests.unit.conftest import Lab

BOTH = ("matrix", "selfcheck")


@pytest.fixture(autouse=True)
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The pages that are asked for, while nothing is measured; the current folder has a folder `docs`."""
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    pages: list[Path] = []
    monkeypatch.setattr(matrix, "measure_and_write", lambda page, **_: pages.append(page))
    monkeypatch.setattr(selfcheck, "check_and_conclude", lambda *_, page, **__: pages.append(page))
    return pages


@pytest.mark.parametrize("command", BOTH)
@pytest.mark.parametrize("named", ["page.md", "docs/page.md", "../{0}/page.md", "./page"])
def test_a_relative_path_is_one_from_here(lab: Lab, written: list[Path], command: str, named: str) -> None:
    named = named.format(Path.cwd().name)
    assert lab(command, "--out", named)[0] == 0
    assert written == [Path(named).resolve()]
    assert written[0].is_absolute()


@pytest.mark.parametrize("command", BOTH)
def test_a_folder_that_is_a_link_is_the_folder(lab: Lab, written: list[Path], command: str) -> None:
    Path("link").symlink_to("docs")
    assert lab(command, "--out", "link/page.md")[0] == 0
    assert written == [Path.cwd() / "docs" / "page.md"]


@pytest.mark.parametrize("command", BOTH)
@pytest.mark.parametrize(
    ("named", "said"),
    [
        (".", "--out . is a folder. Name the page in it: --out page.md"),
        ("", "--out . is a folder. Name the page in it: --out page.md"),
        ("..", "--out .. is a folder"),
        ("/", "--out / is a folder. Name the page in it: --out /page.md"),
        ("docs", "--out docs is a folder. Name the page in it: --out docs/page.md"),
        ("docs/page.json", "that name is for the data of the page. Name the page: --out docs/page.md"),
        ("nowhere/page.md", "nowhere. Make it first: mkdir -p "),
    ],
)
def test_what_can_be_no_page_is_refused_before_the_work(
    lab: Lab, written: list[Path], command: str, named: str, said: str
) -> None:
    code, out, err = lab(command, "--out", named)
    assert (code, out, written) == (2, "", [])
    assert said in err
    assert err.count("\n") == 1


def test_a_page_without_a_folder_above_its_own_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is no README beside its folder, then."""
    monkeypatch.setattr(selfcheck, "page", lambda *_: "")
    monkeypatch.setattr(selfcheck, "write_value", lambda *_: None)
    monkeypatch.setattr(selfcheck, "write_text", lambda *_: None)
    monkeypatch.setattr(selfcheck, "sentence", lambda *_: "")
    for named in ("page.md", "/page.md"):
        selfcheck.write(Path(named), None)  # type: ignore[arg-type]
