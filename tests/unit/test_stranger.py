"""What root runs under another user id: where root may not do that, one sentence says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.model import LabError
from lab.runtime.local.parts.stranger import require_rights

ROOT = Path(__file__).parents[2]
SAID = "Root may not become another user here"
ASKS = "from lab.runtime.local.parts.stranger import require_rights; require_rights()"
LESS = (
    ["unshare", "--user", "--map-root-user"],
    ["setpriv", "--bounding-set", "-setuid", "--inh-caps", "-setuid"],
    ["setpriv", "--bounding-set", "-chown", "--inh-caps", "-chown"],
)


@pytest.mark.skipif(os.geteuid() != 0, reason="is about root")
def test_root_with_all_its_rights_may_be_somebody_else() -> None:
    require_rights()


def test_an_ordinary_user_needs_no_such_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    monkeypatch.setattr(os, "chown", None)
    require_rights()


def test_root_without_the_right_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "chown", refuse)
    with pytest.raises(LabError, match=rf"{SAID}.*refuses to run as root. Run the lab as an ordinary user"):
        require_rights()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up rights of root's")
@pytest.mark.parametrize("less", LESS, ids=" ".join)
def test_root_of_less_is_told_so(less: list[str]) -> None:
    if subprocess.run([*less, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine cannot take rights away")
    done = subprocess.run(
        [*less, sys.executable, "-c", ASKS], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert SAID in done.stderr
