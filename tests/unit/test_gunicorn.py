"""The settings of gunicorn that are code."""

import runpy
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import rich

from lab.paths import ROOT

SERVER = SimpleNamespace(app=SimpleNamespace(app_uri="services.naive.app:create_app()"))
LATE_S, PATIENCE_S = 0.1, 5


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setitem(sys.modules, "rich", rich)  # it stays loaded here, where pytest may need it
    return runpy.run_path(str(ROOT / "services" / "gunicorn.conf.py"))


def test_workers_are_started_when_the_data_is_there(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    signal = tmp_path / "data-loaded"
    monkeypatch.setenv("START_AFTER", str(signal))
    starting = threading.Thread(target=settings["on_starting"], args=(SERVER,), daemon=True)
    starting.start()
    starting.join(LATE_S)
    assert starting.is_alive()
    signal.touch()
    starting.join(PATIENCE_S)
    assert not starting.is_alive()


def test_without_data_in_time_the_server_ends(settings: dict[str, Any], tmp_path: Path) -> None:
    settings["await_file"].__globals__["START_TIMEOUT_S"] = LATE_S
    with pytest.raises(TimeoutError, match="data-loaded did not appear"):
        settings["await_file"](tmp_path / "data-loaded")
