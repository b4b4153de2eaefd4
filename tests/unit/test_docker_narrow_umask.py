"""A clone made under umask 077, whose files only their owner may read, runs on Docker: there other users read them."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import pytest

from lab.model import LabError
from lab.paths import ROOT
from lab.runtime.containers import project
from lab.runtime.containers.images import BASES, Images
from lab.runtime.containers.project import MOUNTED, Project, Published, make_readable
from tests.topologies import PLANS, WORKING, everything

COMPOSE = ROOT / "compose"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder compose/ of such a clone."""
    for name in (*MOUNTED, ".env"):
        (tmp_path / name).touch(mode=0o600)
    monkeypatch.setattr(project, "COMPOSE", tmp_path)
    return tmp_path


def modes(clone: Path) -> set[int]:
    return {stat.S_IMODE((clone / name).stat().st_mode) for name in MOUNTED}


def test_what_is_mounted_can_be_read_before_compose_is_called(clone: Path) -> None:
    seen: list[set[int]] = []

    def run(*_: Any, **__: Any) -> str:
        seen.append(modes(clone))
        return ""

    images = Images(service="s:1", load="l:1", **{name: f"{name}:1" for name in BASES})
    Project(
        plan=PLANS[0],
        stack=everything("narrow"),
        workload=WORKING,
        images=images,
        published=Published(edge=7001, toxiproxy=7002),
    ).up(run)
    assert seen == [{0o644}]
    assert stat.S_IMODE((clone / ".env").stat().st_mode) == 0o600


def test_a_clone_of_somebody_else_is_a_reason(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(LabError, match=r"Its owner can: chmod a\+r .*pg_hba\.conf"):
        make_readable()


def test_a_clone_that_can_be_read_is_not_touched(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_readable()
    monkeypatch.setattr(Path, "chmod", lambda *_: pytest.fail("changed again"))
    make_readable()


def test_all_that_is_mounted_is_on_the_list() -> None:
    found = re.findall(r'"\./([^:"]+):[^"]+:ro"', (COMPOSE / "twin.yaml").read_text())
    assert sorted(found) == sorted(MOUNTED)


@pytest.mark.parametrize(("name", "folder"), [("service", "services"), ("load", "loadtests")])
def test_an_image_lets_its_user_read_what_was_copied(name: str, folder: str) -> None:
    steps = (COMPOSE / f"Dockerfile.{name}").read_text().splitlines()
    opened = [step for step in steps if step.startswith(f"RUN chmod -R a+rX {folder} ")]
    assert len(opened) == 1
    assert steps.index(f"COPY {folder} {folder}") < steps.index(opened[0]) < steps.index("USER 10001:10001")
