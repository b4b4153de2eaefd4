"""A disk that is too full: the next step moves the folder that lies on it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.model import LabError
from lab.runtime.local import testbed
from lab.runtime.local.testbed import LocalTestbed
from lab.workload.booking import BOOKING
from tests.standing import Heard, a_stack


@pytest.mark.parametrize(
    ("full", "step"),
    [("scratch", "set TMPDIR to a folder on another disk"), ("state", "work in a clone on another disk")],
)
def test_the_next_step_fits_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: str, step: str
) -> None:
    for name in ("scratch", "state"):
        (tmp_path / name).mkdir()
    disks = {tmp_path / full: SimpleNamespace(free=0)}
    roomy = SimpleNamespace(free=1 << 40)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "scratch"))
    monkeypatch.setattr(testbed.shutil, "disk_usage", lambda folder: disks.get(folder, roomy))
    with pytest.raises(LabError) as told:
        LocalTestbed(a_stack("full"), BOOKING, tmp_path / "state").up(Heard())
    assert str(told.value).startswith(f"The disk of {tmp_path / full} is too full")
    assert str(told.value).endswith(f"Free some space, or {step}.")
