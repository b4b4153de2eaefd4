"""The load as a real process against a stub service: everything planned is recorded, whatever happens."""

from __future__ import annotations

import json
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.model import Failure, Outcome
from lab.record import REQUEST
from loadtests.client import IDLE_MAX_S
from tests.stub_service import StubService, eventually, stub_service
from tests.timing import steadily

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[2]
LEAD_S = 0.3
TIMEOUT_S = 60


@pytest.fixture
def service() -> Iterator[StubService]:
    with stub_service() as service:
        yield service


@dataclass
class Playing:
    """A load process on its schedule, and what it leaves."""

    folder: Path
    process: subprocess.Popen[bytes]
    t0: float = field(default=0.0)

    def start(self) -> None:
        eventually((self.folder / "load.ready.json").exists)
        self.t0 = time.monotonic() + LEAD_S
        fresh = self.folder.parent / "t0.new"
        fresh.write_text(json.dumps({"t0": self.t0}))
        fresh.rename(self.folder.parent / "t0.json")

    def ended(self) -> int:
        return self.process.wait(TIMEOUT_S)

    @property
    def requests(self) -> Any:
        records = np.fromfile(self.folder / "requests.bin", dtype=REQUEST, offset=REQUEST.itemsize)
        return records[np.argsort(records["i"])]

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "history.jsonl").read_text().splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.folder / "load.json").read_text())
        return summary


class Player:
    """Starts loads; whatever still runs at the end of the test is killed."""

    def __init__(self, folder: Path, target: str) -> None:
        self._folder, self._target = folder, target
        self._started: list[Playing] = []

    def launch(self, schedule: Iterable[dict[str, Any]], **changes: Any) -> Playing:
        folder = self._folder / f"run{len(self._started)}" / "naive"
        folder.mkdir(parents=True)
        lines = (json.dumps({"i": i, **arrival}) + "\n" for i, arrival in enumerate(schedule))
        (folder.parent / "schedule.jsonl").write_text("".join(lines))
        (folder / "load.config.json").write_text(json.dumps(self._config(**changes)))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "loadtests.load", "load.config.json"],
                cwd=folder, stdout=log, stderr=log, env={"PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        self._started.append(Playing(folder, process))
        return self._started[-1]

    def play(self, schedule: Iterable[dict[str, Any]], **changes: Any) -> Playing:
        """From the start to the end, which must succeed."""
        playing = self.launch(schedule, **changes)
        playing.start()
        assert playing.ended() == 0, (playing.folder / "log").read_text()
        return playing

    def clean(self) -> None:
        for playing in self._started:
            playing.process.kill()
            playing.process.wait(TIMEOUT_S)

    def _config(self, **changes: Any) -> dict[str, Any]:
        return {
            "twin": "naive", "target": self._target, "token": "t", "tokens": {"7": "seven"},
            "schedule": "../schedule.jsonl", "t0": "../t0.json", "ready": "load.ready.json",
            "requests": "requests.bin", "history": "history.jsonl", "summary": "load.json",
            "client_timeout_s": 5.0, "drain_s": 6.0, "max_in_flight": 4096,
            "history_ops": ["write"], **changes,
        }  # fmt: skip


@pytest.fixture
def player(tmp_path: Path, service: StubService) -> Iterator[Player]:
    player = Player(tmp_path, service.address)
    yield player
    player.clean()


def every(interval_s: float, until_s: float, path: str = "/ok", **members: Any) -> list[dict[str, Any]]:
    count = round(until_s / interval_s)
    one = {"op": "read", "method": "GET", "path": path, **members}
    return [{"at_s": round(i * interval_s, 6), **one} for i in range(count)]


def test_all_that_is_planned_is_recorded_once_at_its_instant(player: Player) -> None:
    schedule = [*every(0.01, 1.0), {"at_s": 1.0, "op": "last", "method": "GET", "path": "/ok"}]

    def played() -> None:
        playing = player.play(schedule)
        requests = playing.requests
        assert requests["i"].tolist() == list(range(101))
        assert requests["intended"] == pytest.approx(playing.t0 + np.arange(101) / 100)
        assert (requests["started"] >= requests["intended"]).all()
        assert np.median(requests["sent"] - requests["intended"]) < 0.1
        assert set(requests["outcome"]) == {Outcome.OK}
        assert playing.summary["ops"] == ["read", "last"]
        assert playing.summary["planned"] == playing.summary["recorded"] == 101
        assert playing.summary["oracle"] == {}  # nothing was expected
        assert playing.summary["errors"] == []

    steadily(played)


def test_a_connection_is_used_again_but_never_after_the_service_may_have_closed_it(player: Player) -> None:
    """The service closes what is idle for `keepalive`; a request that meets the closing would look like its failure."""
    keepalive_s = runpy.run_path(str(ROOT / "services" / "gunicorn.conf.py"))["keepalive"]
    assert keepalive_s > IDLE_MAX_S + 0.5
    instants = (0.0, 0.5, 0.5 + IDLE_MAX_S + 0.1)
    playing = player.play([{"at_s": at_s, "op": "read", "method": "GET", "path": "/ok"} for at_s in instants])
    assert (playing.requests["flags"] & 1).tolist() == [0, 1, 0]


def test_a_stall_delays_no_arrival_and_counts_from_the_intended_instant(
    player: Player, service: StubService
) -> None:
    def played() -> None:
        service.released.clear()
        playing = player.launch(every(0.01, 1.0, "/stall"))
        playing.start()
        time.sleep(LEAD_S + 1.5)
        released = time.monotonic()
        service.released.set()
        assert playing.ended() == 0
        requests = playing.requests
        assert (requests["started"] - requests["intended"]).max() < 0.5  # a closed loop: 1 s and more
        assert (requests["end"] > released).all()
        waited = requests["end"] - requests["intended"]
        assert waited[0] > 1.4
        assert waited[0] - waited[-1] > 0.7  # nearly the second that lies between the two

    steadily(played)


def test_what_the_service_did_is_told_apart_and_nothing_is_asked_twice(
    player: Player, service: StubService
) -> None:
    kinds = {
        "/ok": (200, Failure.NONE, Outcome.OK),
        "/wrong": (200, Failure.NONE, Outcome.OK),
        "/refusing": (503, Failure.NONE, Outcome.REFUSED),
        "/failing": (500, Failure.NONE, Outcome.UNKNOWN),
        "/moved": (302, Failure.NONE, Outcome.UNKNOWN),
        "/close": (0, Failure.CLOSED, Outcome.UNKNOWN),
        "/reset": (0, Failure.RESET, Outcome.UNKNOWN),
        "/hang": (0, Failure.TIMEOUT, Outcome.UNKNOWN),
        "/drip": (0, Failure.TIMEOUT, Outcome.UNKNOWN),
    }
    one = {"op": "write", "method": "PUT", "body": {"a": 1}, "key": "k", "expect": {"id": 1}}
    schedule = [{"at_s": 0.05 * i, "path": path, **one} for i, path in enumerate(kinds)]

    def played() -> None:
        service.forget()
        playing = player.play(schedule, client_timeout_s=1.0)
        requests = playing.requests
        found = zip(requests["status"], requests["failure"], requests["outcome"], strict=True)
        assert dict(zip(kinds, found, strict=True)) == kinds
        assert ((requests["flags"] & 2) != 0).tolist() == [path == "/wrong" for path in kinds]
        assert service.asked == {f"naive-{i}": 1 for i in range(len(kinds))}
        assert (requests["end"] - requests["intended"])[-2:] == pytest.approx(1.0, abs=0.3)
        assert len(playing.history) == len(kinds)
        assert playing.history[0]["answered"] == {"id": 1, "status": "ok"}

    steadily(played)


def test_a_repetition_is_sent_only_if_the_first_was_not_answered(
    player: Player, service: StubService
) -> None:
    kinds = {"/ok": 1, "/failing": 1, "/refusing": 2, "/reset": 2, "/hang": 2}
    one = {"op": "write", "method": "POST", "body": {"a": 1}}
    firsts = [
        {"at_s": 0.05 * i, "path": path, "key": path, "patience_s": 0.5, **one}
        for i, path in enumerate(kinds)
    ]
    again = [
        {**first, "at_s": first["at_s"] + 1.0, "repeats": i, "patience_s": None}
        for i, first in enumerate(firsts)
    ]
    schedule = [{name: value for name, value in each.items() if value is not None} for each in firsts + again]

    def played() -> None:
        service.forget()
        playing = player.play(schedule, client_timeout_s=2.0)
        requests = playing.requests
        not_needed = (requests["flags"] & 4) != 0
        assert dict(zip(kinds, 2 - not_needed[len(kinds) :], strict=True)) == kinds
        assert service.asked == {f"naive-{i}": 1 for i in range(10) if not not_needed[i]}
        assert playing.summary["planned"] == playing.summary["recorded"] == len(requests) == 10
        assert set(requests["sent"][not_needed]) == {0.0}
        assert [line["i"] for line in playing.history if not_needed[line["i"]]] == []
        gave_up = requests["end"] - requests["intended"]
        assert gave_up[[4, 9]] == pytest.approx([0.5, 2.0], abs=0.3)

    steadily(played)


def test_what_was_made_is_read_at_the_id_of_its_answer_and_what_was_not_is_not_read(
    player: Player, service: StubService
) -> None:
    paths = ("/ok", "/refusing", "/reset")
    made = {"op": "write", "method": "POST", "body": {"a": 1}, "read_back": True}
    read = {"op": "own", "method": "GET", "path": "/things/{id}/", "expect": {"status": "ok"}}
    writes = [{"at_s": 0.05 * i, "path": path, "key": path, **made} for i, path in enumerate(paths)]
    schedule = [*writes, *({"at_s": 0.6, "reads": i, **read} for i in range(len(paths)))]

    def played() -> None:
        service.forget()
        playing = player.play(schedule)
        assert service.paths[3:] == ["/things/1/"]
        requests = playing.requests
        assert ((requests["flags"] & 4) != 0).tolist() == [False, False, False, False, True, True]
        assert (requests["outcome"][3], requests["flags"][3] & 2) == (Outcome.OK, 0)

    steadily(played)


def test_a_write_names_its_caller_and_the_version_that_the_client_has_seen(
    player: Player, service: StubService
) -> None:
    opened = [
        {"at_s": 0.05 * i, "op": "open", "method": "GET", "path": path, "read_back": True}
        for i, path in enumerate(("/tagged", "/ok"))
    ]
    save = {"op": "write", "method": "PUT", "path": "/ok", "body": {"a": 1}, "caller": 7}
    schedule = [*opened, *({"at_s": 0.6 + 0.05 * i, "reads": i, **save} for i in range(2))]

    def played() -> None:
        service.forget()
        player.play(schedule)
        seen = [(sent["If-Match"], sent["Authorization"]) for sent in service.headers]
        assert seen == [(None, "Bearer t")] * 2 + [('"3"', "Bearer seven"), (None, "Bearer seven")]

    steadily(played)


def test_who_is_refused_is_told_when_to_come_back_or_not(player: Player) -> None:
    paths = ("/ok", "/refusing", "/later", "/at_once")
    playing = player.play(
        [{"at_s": 0.05 * i, "op": "read", "method": "GET", "path": path} for i, path in enumerate(paths)]
    )
    assert ((playing.requests["flags"] & 8) != 0).tolist() == [False, False, True, False]


def test_a_connection_that_nobody_accepts_is_refused_and_certainly_without_effect(player: Player) -> None:
    playing = player.play(every(0.1, 0.3), target="127.0.0.1:1")
    assert set(playing.requests["failure"]) == {Failure.CONNECT_REFUSED}
    assert set(playing.requests["outcome"]) == {Outcome.REFUSED}
    assert set(playing.requests["flags"]) == {0}
    assert set(playing.requests["sent"]) == {0.0}


def test_only_operations_that_an_invariant_reads_have_a_history(player: Player) -> None:
    write = {"at_s": 0.1, "op": "write", "method": "POST", "path": "/ok", "body": {}, "key": "k"}
    playing = player.play([*every(0.05, 0.1), write])
    assert [line["i"] for line in playing.history] == [2]


def test_a_request_beyond_the_cap_is_recorded_as_shed(player: Player) -> None:
    playing = player.play(every(0.01, 0.1, "/hang"), max_in_flight=4, client_timeout_s=4.0)
    assert playing.requests["failure"].tolist() == [Failure.TIMEOUT] * 4 + [Failure.SHED] * 6
    assert playing.summary["cap_hits"] == 6


def test_what_is_in_flight_at_a_sigterm_is_recorded_as_aborted(player: Player, service: StubService) -> None:
    playing = player.launch(every(0.01, 30.0, "/hang"), client_timeout_s=60.0)
    playing.start()
    eventually(lambda: len(service.asked) > 50)
    playing.process.send_signal(signal.SIGTERM)
    assert playing.ended() != 0
    requests = playing.requests
    assert set(requests["failure"]) == {Failure.ABORTED}
    assert len(requests) == playing.summary["planned"] == playing.summary["recorded"]
    assert len(requests) >= len(service.asked)


def test_a_damaged_schedule_ends_the_load_with_an_error(player: Player) -> None:
    playing = player.launch([])
    (playing.folder.parent / "schedule.jsonl").write_text('{"i": 0, "at_s"')
    playing.start()
    assert playing.ended() != 0
    assert "JSONDecodeError" in (playing.folder / "log").read_text()


def test_a_target_that_is_no_address_ends_the_load_with_an_error(player: Player) -> None:
    assert player.launch([], target="no-such-host.invalid:1").ended() != 0


@pytest.mark.long
def test_memory_does_not_grow_with_the_number_of_requests(player: Player) -> None:
    few, many = (player.play(every(0.0015, 0.0015 * count)).summary for count in (800, 8_000))
    assert many["recorded"] == 8_000
    assert many["rss_bytes_end"] < 1.08 * few["rss_bytes_end"]
