"""A server's program is found in its wheel or by its variable; where there is none, the reason is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.model import LabError
from lab.runtime.local.parts.caddy import CADDY
from lab.runtime.local.parts.nats import NATS
from lab.runtime.local.parts.valkey import VALKEY
from lab.runtime.local.parts.wheels import Wheel

ABSENT = Wheel(
    name="Nothing", file="nothing", package="no-such-package", variable="LAB_NOTHING", ask_version="--version"
)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("wheel", [CADDY, NATS, VALKEY], ids=lambda wheel: wheel.name)
def test_a_wheel_that_is_installed_is_found(wheel: Wheel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(wheel.variable, raising=False)
    assert wheel.find().name == wheel.file


def test_without_a_wheel_the_next_step_is_said() -> None:
    with pytest.raises(LabError, match=r"no wheel of no-such-package .*Set LAB_NOTHING"):
        ABSENT.find()


def test_the_variable_names_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = script(tmp_path / "own", "echo 'nothing v1.22.333 (built today)'")
    monkeypatch.setenv("LAB_NOTHING", str(own))
    found = ABSENT.installed()
    assert (found.path, found.version) == (own, "1.22.333")


def test_a_variable_that_names_no_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_NOTHING", str(tmp_path))
    with pytest.raises(LabError, match="is not a program"):
        ABSENT.find()


@pytest.mark.parametrize("text", ["echo 1.2.3; exit 1", "echo hello"])
def test_a_program_that_says_no_version_is_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_NOTHING", str(script(tmp_path / "odd", text)))
    with pytest.raises(LabError, match="is not Nothing"):
        ABSENT.installed()
