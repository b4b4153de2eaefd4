"""The runner heals whatever happens, takes everything down, and writes down what it saw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.faults import Down, Latency
from lab.model import DATABASE, LINKS, TWINS, Burst, LabError, LinkState, Load, Phases, Scenario, Stack
from lab.plan.runs import RunPlan
from lab.record import RunWriter
from lab.runner import Runner

HEALTHY = LinkState()
PHASES = Phases(warmup_s=1, baseline_s=2, fault_s=4, recovery_s=2, drain_s=1)
LATENCY = Latency(link=DATABASE, latency_ms=100)


class Clock:
    """Time passes only when the runner waits; `at` may hold something to happen then."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self.at: dict[float, BaseException] = {}

    def now(self) -> float:
        return self.time

    def sleep_until(self, at: float) -> None:
        for instant, event in sorted(self.at.items()):
            if 1_000 + instant <= at:
                raise event
        self.time = max(self.time, at)

    def be_punctual(self) -> None:
        pass


class Link:
    def __init__(self, name: str, changes: list[tuple[str, LinkState]]) -> None:
        self.name = name
        self.state = HEALTHY
        self.deaf = False
        self._changes = changes

    def set(self, state: LinkState) -> LinkState:
        self._changes.append((self.name, state))
        if not self.deaf:
            self.state = state
        return self.state

    def get(self) -> LinkState:
        return self.state


class Child:
    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.stopped = False

    def wait(self, timeout_s: float) -> int:
        return self.code

    def running(self) -> bool:
        return True

    def stop(self) -> None:
        self.stopped = True


class Testbed:
    """All that a runner needs, in memory; children say at once that they are ready."""

    __test__ = False
    runtime = "fake"

    def __init__(self) -> None:
        self.changes: list[tuple[str, LinkState]] = []
        self.links = {(twin, name): Link(name, self.changes) for twin in TWINS for name in LINKS}
        self.spawned: dict[tuple[str, str], Child] = {}
        self.is_up = False
        self.was_up = False
        self.up_error: Exception | None = None

    def up(self) -> None:
        if self.up_error:
            raise self.up_error
        self.is_up = self.was_up = True

    def down(self) -> None:
        self.is_up = False

    def link(self, twin: str, name: str) -> Link:
        return self.links[twin, name]

    def spawn(self, twin: str, module: str, config: Mapping[str, Any], folder: Path, name: str) -> Child:
        if "ready" in config:
            (folder / config["ready"]).write_text("{}")
        child = self.spawned[twin, name] = Child()
        return child

    def targets(self, twin: str) -> Mapping[str, str]:
        names = ("edge", "database", "payments", "direct_edge", "direct_payments", "direct_dsn")
        return {**dict.fromkeys(names, "127.0.0.1:1"), "probe_database": "probe/lab"}

    def published(self, twin: str) -> Mapping[str, str]:
        return {}

    def collect(self, twin: str, folder: Path) -> None:
        (folder / "logs" / "collected.log").touch()

    def facts(self) -> Mapping[str, Any]:
        return {"engine": "fake"}

    def cpu_s(self, twin: str) -> float | None:
        return 1.5


@pytest.fixture
def testbed() -> Testbed:
    return Testbed()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def scenario(*faults: Any) -> Scenario:
    load = Load(rate_rps=20, mix={"get_booking": 1})
    story = dict.fromkeys(("title", "hypothesis", "question", "mirrors"), "told")
    return Scenario(name="s99-test", load=load, faults=faults or (LATENCY,), **story)


def run(testbed: Testbed, clock: Clock, folder: Path, *faults: Any) -> list[dict[str, Any]]:
    """Walk a plan; returns its events."""
    plan = RunPlan(stack=Stack(run="r"), scenario=scenario(*faults), phases=PHASES, seed=1)
    try:
        Runner(plan, testbed, RunWriter(folder), clock).run()
    finally:
        assert not testbed.is_up
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def status(folder: Path) -> str:
    return str(json.loads((folder / "manifest.json").read_text())["status"])


def healed(testbed: Testbed) -> bool:
    return all(link.state == HEALTHY for link in testbed.links.values())


def test_a_run_is_whole_and_its_faults_go_on_and_off_at_both_twins(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    events = run(testbed, clock, tmp_path / "r")
    switches = [
        (event["event"], event["twin"], event["planned_s"]) for event in events if "planned_s" in event
    ]
    assert switches == [(kind, twin, at) for kind, at in (("inject", 3.0), ("heal", 7.0)) for twin in TWINS]
    assert all(event["ok"] for event in events if "ok" in event)
    assert next(event["phase"] for event in events if event["event"] == "phase") == "warmup"
    assert status(tmp_path / "r") == "complete"
    assert healed(testbed)


def test_links_are_healed_before_the_load_begins(testbed: Testbed, clock: Clock, tmp_path: Path) -> None:
    for link in testbed.links.values():
        link.state = LATENCY.state()
    run(testbed, clock, tmp_path / "r")
    assert testbed.changes[: len(LINKS) * len(TWINS)] == [(name, HEALTHY) for _ in TWINS for name in LINKS]


def test_faults_on_one_link_add_up(testbed: Testbed, clock: Clock, tmp_path: Path) -> None:
    down = Down(link=DATABASE, burst=Burst(on_s=0.3, off_s=0.5))
    events = run(testbed, clock, tmp_path / "r", LATENCY, down)
    bursts = [event for event in events if event.get("fault") == 1 and event["event"] == "inject"]
    assert bursts
    assert all(not event["asked"]["enabled"] and event["asked"]["toxics"] for event in bursts)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), RuntimeError("bug")])
def test_an_interruption_in_mid_fault_heals_and_takes_all_down(
    testbed: Testbed, clock: Clock, tmp_path: Path, interruption: BaseException
) -> None:
    clock.at[5.0] = interruption
    with pytest.raises(type(interruption)):
        run(testbed, clock, tmp_path / "r")
    assert ("database", LATENCY.state()) in testbed.changes
    assert healed(testbed)
    assert testbed.spawned["naive", "load"].stopped
    assert status(tmp_path / "r") == "aborted"


def test_a_stack_that_does_not_come_up_is_taken_down_and_its_logs_are_kept(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    testbed.up_error = LabError("no PostgreSQL")
    with pytest.raises(LabError, match="no PostgreSQL"):
        run(testbed, clock, tmp_path / "r")
    assert (tmp_path / "r" / "naive" / "logs" / "collected.log").exists()
    assert status(tmp_path / "r") == "aborted"


def test_a_proxy_that_does_not_do_what_it_is_told_is_written_down(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    testbed.link("naive", DATABASE).deaf = True
    events = run(testbed, clock, tmp_path / "r")
    assert [event["ok"] for event in events if event["event"] == "inject"] == [False, True]


def test_a_read_that_fails_is_named_with_its_log(testbed: Testbed, clock: Clock, tmp_path: Path) -> None:
    spawn = testbed.spawn

    def failing(twin: str, module: str, config: Mapping[str, Any], folder: Path, name: str) -> Child:
        child = spawn(twin, module, config, folder, name)
        child.code = 1 if (twin, name) == ("hardened", "final") else 0
        return child

    testbed.spawn = failing  # type: ignore[method-assign]
    with pytest.raises(LabError, match=r"hardened twin could not be read; see hardened/logs/final\.log"):
        run(testbed, clock, tmp_path / "r")
