"""What a saboteur does, to real processes, to a proxy that serves, and to a folder with checksums."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from lab.model import LabError, LinkState, Toxic, Undo
from lab.model.selfcheck import Sabotage
from lab.record import sums
from lab.runtime.ownership.ledger import Ledger
from lab.runtime.toxiproxy.client import LinkActuator, create_proxy
from lab.runtime.toxiproxy.embedded.api import Api
from lab.runtime.toxiproxy.embedded.server import serve_api
from lab.selfcheck import acts
from lab.selfcheck.acts import ACTS, Saboteur
from lab.selfcheck.forgery import FORGERIES
from lab.selfcheck.standing import Standing
from lab.selfcheck.workshop import Workshop
from tests.fabricated.folder import Fabricated, make_run
from tests.stub_service import eventually

SLOW = LinkState(
    toxics=(Toxic(type="latency", stream="downstream", attributes={"latency": 100, "jitter": 0}),)
)


@pytest.fixture
def run(tmp_path: Path) -> Standing:
    return Standing(folder=tmp_path / "run", state=tmp_path / "state", t0=time.monotonic())


@pytest.fixture
def ledger(run: Standing) -> Ledger:
    return Ledger(run.state, "run")


@pytest.fixture
def victim(ledger: Ledger) -> Iterator[psutil.Process]:
    """A service of one process."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        ledger.own_process(process.pid, "the hardened twin's service")
        yield psutil.Process(process.pid)
        process.send_signal(signal.SIGCONT)
        process.kill()


@pytest.fixture
def links(ledger: Ledger) -> Iterator[dict[str, LinkActuator]]:
    """A slow database and payments in perfect health, behind an embedded proxy."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> int:
        return serve_api(Api(), "127.0.0.1", 0).server_port

    url = f"http://127.0.0.1:{asyncio.run_coroutine_threadsafe(start(), loop).result(5)}"
    ledger.undo(Undo(how="toxiproxy", details={"url": url, "proxy": "database"}))
    for name in ("database", "payments"):
        create_proxy(url, name, listen="127.0.0.1:0", upstream="127.0.0.1:1")
    found = {name: LinkActuator(url, name) for name in ("database", "payments")}
    found["database"].set(SLOW)
    yield found
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


def sabotage(act: str, of: str, for_s: float = 0.05) -> Sabotage:
    return Sabotage(act=act, phase="fault", for_s=for_s, of=of)


def test_what_was_stopped_goes_on(
    run: Standing, victim: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_for_s: list[float] = []

    def meanwhile(seconds: float) -> None:
        stopped_for_s.append(seconds)
        eventually(lambda: victim.status() == psutil.STATUS_STOPPED)

    with monkeypatch.context() as patched:
        patched.setattr(acts, "time", SimpleNamespace(sleep=meanwhile))
        ACTS["stopped"](run, sabotage("stopped", "service", 0.3))
    assert stopped_for_s == [0.3]
    eventually(lambda: victim.status() != psutil.STATUS_STOPPED)


@pytest.mark.thorough
def test_what_was_slowed_has_had_little_of_the_cpu_and_goes_on(run: Standing, victim: psutil.Process) -> None:
    def used_s() -> float:
        """Whoever wakes late to stop it again only ever adds to it."""
        before_s = victim.cpu_times().user
        ACTS["slowed"](run, sabotage("slowed", "service", 1.0))
        return victim.cpu_times().user - before_s

    assert min(used_s() for _ in range(3)) < 0.6
    assert victim.status() != psutil.STATUS_STOPPED


def test_what_was_pinned_has_one_core(run: Standing, victim: psutil.Process) -> None:
    ACTS["pinned"](run, sabotage("pinned", "service"))
    assert len(victim.cpu_affinity()) == 1


def test_what_was_killed_is_gone(run: Standing, victim: psutil.Process) -> None:
    ACTS["killed"](run, sabotage("killed", "service"))
    victim.wait(5)


def test_nobody_can_sabotage_what_is_not_there(run: Standing, ledger: Ledger) -> None:
    with pytest.raises(LabError, match="no process called toxiproxy"):
        ACTS["stopped"](run, sabotage("stopped", "toxiproxy"))


@pytest.mark.parametrize(
    ("act", "database", "payments"),
    [
        ("toxics_removed", 0, 0),
        ("toxics_removed_for_a_while", 1, 0),
        ("toxics_doubled", 2, 0),
        ("toxics_moved", 0, 1),
        ("toxic_added", 2, 0),
        ("toxic_added_for_a_while", 1, 0),
    ],
)
def test_toxics_are_where_the_saboteur_wants_them(
    run: Standing, links: dict[str, LinkActuator], act: str, database: int, payments: int
) -> None:
    ACTS[act](run, sabotage(act, "database"))
    assert [len(links[name].get().toxics) for name in ("database", "payments")] == [database, payments]


def test_a_saboteur_who_finds_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.selfcheck.acts.BEGIN_TIMEOUT_S", 0.05)
    saboteur = Saboteur(Workshop(tmp_path), sabotage("stopped", "service"))
    saboteur.start()
    saboteur.join(5)
    assert saboteur.error == "stopped was not possible: The run did not begin."


def test_a_saboteur_leaves_the_next_run_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acts, "END_TIMEOUT_S", 20.0)
    saboteur = Saboteur(Workshop(tmp_path), sabotage("stopped", "service"))
    saboteur.start()
    saboteur.stop()
    assert not saboteur.is_alive()
    assert saboteur.error == "stopped was not possible: The run did not begin."


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_changes_the_folder_and_only_a_sealed_one_passes_the_checksums(
    tmp_path: Path, name: str
) -> None:
    folder = make_run(tmp_path / "run", Fabricated(requests=50))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    FORGERIES[name](folder, "hardened")
    assert {path: path.read_bytes() for path in before} != before
    if name.endswith("_and_sealed"):
        sums.verify(folder)
    else:
        with pytest.raises(LabError, match="changed after the run"):
            sums.verify(folder)
