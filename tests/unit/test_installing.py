"""What is prepared once per machine: what a killed lab left half made is removed, what another makes is not."""

import os
from pathlib import Path

import pytest

from lab.model import LabError
from lab.runtime.local.parts import installing


def test_what_a_killed_lab_left_half_made_is_removed_and_what_another_is_making_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where all that is needed is there: another lab was quicker than the one that was killed."""
    monkeypatch.setattr(installing, "cache_folder", lambda _user: tmp_path)
    monkeypatch.setattr(installing, "readable", lambda *_: True)
    monkeypatch.setattr(installing, "find_binaries", lambda: tmp_path / "bin")
    monkeypatch.setattr(installing, "_version", lambda _binaries: "18.4")
    monkeypatch.setattr(installing, "_initialise", lambda _, cluster: (cluster / "password").touch())
    killed, busy = tmp_path / "making-old", tmp_path / "making-new"
    busy.mkdir()
    for _ in ("it is made", "it is there"):
        (killed / "cluster").mkdir(parents=True)
        os.utime(killed, (0, 0))
        assert installing.installation().version == "18.4"
        assert list(tmp_path.glob("making-*")) == [busy]


@pytest.mark.parametrize(
    ("said", "fits"), [("18.4", True), ("16.0", True), ("19beta1", True), ("15.7", False)]
)
def test_a_postgres_that_is_too_old_is_one_sentence(tmp_path: Path, said: str, fits: bool) -> None:
    (tmp_path / "postgres").write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {said}'\n")
    (tmp_path / "postgres").chmod(0o755)
    if fits:
        assert installing._version(tmp_path) == said
    else:
        with pytest.raises(
            LabError, match=r"has PostgreSQL 15\.7; the lab needs 16 or later\. Set LAB_POSTGRES"
        ):
            installing._version(tmp_path)
