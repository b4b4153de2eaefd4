"""The runner heals whatever happens, takes everything down, and writes down what it saw."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lab import watching
from lab.errors import notes_of
from lab.faults import Down, Latency, Surge
from lab.injector import Injector
from lab.model import (
    DATABASE,
    DRAIN,
    SERVICE,
    ActionFault,
    Burst,
    Capability,
    CpuRead,
    Event,
    KillMembers,
    LabError,
    Life,
    LinkState,
    LoadEnded,
    MachineSample,
    PartSample,
    Performed,
    Phases,
    PhaseStarted,
    ProxiesRead,
    Proxy,
    ReadBack,
    Server,
    Spoiled,
    State,
    Switched,
    Target,
    Undo,
    a_link,
    a_part,
)
from lab.plan.runs import RunPlan
from lab.plan.states import looking_instants
from lab.record import FolderJournal, RunRecord, RunWriter, Status
from lab.record.files import read_values
from lab.runner import Runner
from lab.workload.booking import BOOKING
from tests.fabricated.evidence import HARDENED, NAIVE, PAIR, THREE, a_scenario
from tests.standing import a_stack
from tests.stub_service import eventually

HEALTHY = LinkState()
PHASES = Phases(warmup_s=1, baseline_s=2, fault_s=4, recovery_s=2, drain_s=1)
LATENCY = Latency(link=DATABASE, latency_ms=100)
LINKS = ("edge", "database", "payments")  # of the usual topology


@dataclass(frozen=True, kw_only=True)
class Struck(ActionFault):
    """Kills the service, without a probe."""

    kind: ClassVar[str] = "struck"
    needs: ClassVar[Capability] = Capability.KILL

    def target(self) -> Target:
        return a_part(SERVICE)

    def action(self) -> KillMembers:
        return KillMembers()

    def describe(self) -> str:
        return "the service is struck"


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
    """An actuator and a performer in one, in memory."""

    healthy: State = HEALTHY

    def __init__(self, name: str, changes: list[tuple[str, State]]) -> None:
        self.name = name
        self.state: State = HEALTHY
        self.deaf = False
        self.struck = 0
        self.takes: Callable[[], object] = lambda: None
        self._changes = changes

    def set(self, state: State) -> State:
        self.takes()
        self._changes.append((self.name, state))
        if not self.deaf:
            self.state = state
        return self.state

    def get(self) -> State:
        return self.state

    def undo(self) -> tuple[Undo, ...]:
        return ()

    def perform(self, action: object) -> int:
        self.struck += 1
        return 0 if self.deaf else 1

    def look(self) -> tuple[PartSample, ...]:
        return ()


class Child:
    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.stopped = False

    def wait(self, timeout_s: float) -> int:
        return self.code

    def running(self) -> bool:
        return self.code == 0

    def stop(self) -> None:
        self.stopped = True


class Dying(Child):
    """Seen alive to the end, and failed then."""

    def wait(self, timeout_s: float) -> int:
        return 1


class Proxies:
    """Those of the links, as they are now, and what `more` says."""

    def __init__(self, testbed: Testbed, twin: str) -> None:
        self._links = {name: testbed.actuator(twin, a_link(name)) for name in LINKS}
        self._more = testbed.more
        self.planned = {name: Proxy(listen="here:1", upstream="there:1") for name in LINKS}

    def read(self) -> Mapping[str, Proxy]:
        states = {name: link.state for name, link in self._links.items()}
        found = {name: replace(self.planned[name], state=state) for name, state in states.items()}
        return {**found, **self._more}


class Testbed:
    """All that a runner needs, in memory; children say at once that they are ready."""

    __test__ = False
    runtime = "fake"

    def __init__(self) -> None:
        self.changes: list[tuple[str, State]] = []
        self.links: dict[tuple[str, str], Link] = {}
        self.spawned: dict[tuple[str, str], Child] = {}
        self.more: dict[str, Proxy] = {}
        self.is_up = False
        self.was_up = False
        self.up_error: Exception | None = None
        self.gone: LabError | None = None
        self.checks = 0

    def offers(self) -> Mapping[Capability, str]:
        return dict.fromkeys(Capability, "")

    def up(self, journal: object) -> None:
        if self.up_error:
            raise self.up_error
        self.is_up = self.was_up = True

    def check(self) -> None:
        self.checks += 1
        if self.gone:
            raise self.gone

    def down(self) -> None:
        self.is_up = False

    def actuator(self, twin: str, target: Target) -> Link:
        return self.links.setdefault((twin, target.name), Link(target.name, self.changes))

    performer = watched = actuator

    def proxies(self, twin: str) -> Proxies:
        return Proxies(self, twin)

    def spawn(self, twin: str, module: str, config: Mapping[str, Any], folder: Path, name: str) -> Child:
        if "ready" in config:
            (folder / config["ready"]).write_text("{}")
        child = self.spawned[twin, name] = Child()
        return child

    def targets(self, twin: str) -> Mapping[str, str]:
        names = (*LINKS, *(f"direct_{link}" for link in LINKS), "direct_dsn", "service/1")
        return {**dict.fromkeys(names, "127.0.0.1:1"), "probe_database": "probe/lab"}

    def published(self, twin: str) -> Mapping[str, str]:
        return {}

    def collect(self, twin: str, folder: Path) -> None:
        (folder / "logs" / "collected.log").touch()

    def facts(self) -> Mapping[str, Any]:
        return {"engine": "fake"}

    def servers(self, twin: str) -> Mapping[str, Server]:
        return {"service/1": Server(pid=7, born_s=1.0, life=Life.RUNNING)}

    def look(self) -> MachineSample | None:
        return MachineSample(at_s=0.0, cores=2, busy_s=0.0, ours_s=0.0, swapped_bytes=0, oom_kills=0)

    def paused(self, servers: Mapping[str, Server]) -> Collection[str] | None:
        return None

    def cpu_s(self, twin: str) -> float | None:
        return 1.5


@pytest.fixture
def testbed() -> Testbed:
    return Testbed()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def plan_of(*faults: Any, twins: Any = PAIR) -> RunPlan:
    stack = a_stack("r", twins, sizes=BOOKING.sizes)
    return RunPlan(stack=stack, scenario=a_scenario(faults=faults), workload=BOOKING, phases=PHASES, seed=1)


def run(testbed: Testbed, clock: Clock, folder: Path, *faults: Any, twins: Any = PAIR) -> list[Event]:
    """Walk a plan; returns its events."""
    plan, writer = plan_of(*(faults or (LATENCY,)), twins=twins), RunWriter(folder)
    try:
        Runner(plan, testbed, writer, FolderJournal(folder / "events.jsonl", clock.now), clock).run()
    except BaseException:
        assert not testbed.is_up
        raise
    assert testbed.is_up  # to be taken down by whoever started the run
    return read_values(folder / "events.jsonl", Event)


def status(folder: Path) -> Status:
    return RunRecord(folder).manifest.status


def healed(testbed: Testbed) -> bool:
    return all(link.state == HEALTHY for link in testbed.links.values())


def test_a_run_is_whole_and_its_faults_go_on_and_off_at_every_twin(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    events = run(testbed, clock, tmp_path / "r", twins=THREE)
    switches = [(event.on, event.twin, event.planned_s) for event in events if isinstance(event, Switched)]
    assert switches == [(on, twin.name, at) for on, at in ((True, 3.0), (False, 7.0)) for twin in THREE]
    assert all(event.ok for event in events if isinstance(event, Switched | ReadBack))
    assert next(event.phase for event in events if isinstance(event, PhaseStarted)) == "warmup"
    assert {event.twin for event in events if isinstance(event, CpuRead)} == {twin.name for twin in THREE}
    assert status(tmp_path / "r") is Status.COMPLETE
    RunRecord(tmp_path / "r").verify()
    assert healed(testbed)


def test_a_fault_is_looked_at_once_more_in_its_middle(testbed: Testbed, clock: Clock, tmp_path: Path) -> None:
    events = run(testbed, clock, tmp_path / "r")
    looks = [(event.twin, event.target, event.at_s) for event in events if isinstance(event, ReadBack)]
    assert looks == [(twin, "link/database", pytest.approx(5.0)) for twin in (NAIVE, HARDENED)]


def test_a_fault_that_takes_long_to_make_and_to_heal_delays_the_start_of_no_phase(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    """As 150 sessions that are opened one by one, and a server that has to start again."""

    def seconds() -> None:
        clock.time += 1.5

    for twin in (NAIVE, HARDENED):
        testbed.actuator(twin, LATENCY.target()).takes = seconds
    events = run(testbed, clock, tmp_path / "r")
    begun = {event.phase: event.at_s for event in events if isinstance(event, PhaseStarted)}
    planned = {phase: PHASES.window(phase)[0] for phase in ("fault", "recovery")}
    assert {phase: begun[phase] for phase in planned} == pytest.approx(planned)


def readings(events: list[Event]) -> list[ProxiesRead]:
    return [event for event in events if isinstance(event, ProxiesRead)]


def test_all_proxies_are_read_again_and_again_to_the_end_and_are_as_planned(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    read = readings(
        run(testbed, clock, tmp_path / "r", LATENCY, Down(link=DATABASE, burst=Burst(on_s=0.3, off_s=0.5)))
    )
    assert all(event.ok for event in read), read
    assert {event.twin for event in read} == {NAIVE, HARDENED}
    instants = sorted({round(event.at_s, 2) for event in read})
    assert instants[0] == 0.0
    assert instants[-1] == pytest.approx(9.0)  # the last planned arrival; then once more, when all has ended
    assert max(later - earlier for earlier, later in pairwise(instants)) <= 1.0
    assert {3.0, 7.0} <= set(instants)


def test_what_somebody_else_does_to_a_proxy_is_written_down(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    testbed.more = {"spy": Proxy(listen="here:2", upstream="there:2")}
    read = readings(run(testbed, clock, tmp_path / "r"))
    assert all((event.asked, event.echo) == ({}, testbed.more) for event in read)


@pytest.mark.parametrize(
    ("changes_s", "instants"),
    [
        ([], [0, 0.5, 1, 1.5, 2, 2.5, 3]),
        ([1.5], [0, 0.5, 1, 1.35, 1.5, 2, 2.5, 3]),
        ([1.05], [0, 0.5, 0.9, 1.05, 1.5, 2, 2.5, 3]),  # one at 1.0 could hold up the change
        ([2.0, 2.03, 2.2], [0, 0.5, 1, 1.5, 1.85, 1.88, 2.03, 2.05, 2.2, 2.5, 3]),
    ],
)
def test_no_change_has_to_wait_for_a_look_at_the_proxies(
    changes_s: list[float], instants: list[float]
) -> None:
    phases = replace(PHASES, warmup_s=1, baseline_s=1, fault_s=1, recovery_s=0)
    assert looking_instants(changes_s, phases) == [pytest.approx(at_s) for at_s in instants]


def test_links_are_healed_before_the_load_begins(testbed: Testbed, clock: Clock, tmp_path: Path) -> None:
    for twin in (NAIVE, HARDENED):
        for name in LINKS:
            testbed.actuator(twin, a_link(name)).state = LATENCY.state()
    run(testbed, clock, tmp_path / "r")
    assert testbed.changes[: 2 * len(LINKS)] == [(name, HEALTHY) for name in LINKS] * 2


def test_faults_on_one_link_add_up(testbed: Testbed, clock: Clock, tmp_path: Path) -> None:
    down = Down(link=DATABASE, burst=Burst(on_s=0.3, off_s=0.5))
    events = run(testbed, clock, tmp_path / "r", LATENCY, down)
    bursts = [
        event.asked for event in events if isinstance(event, Switched) and event.fault == 1 and event.on
    ]
    assert bursts
    assert all(isinstance(asked, LinkState) and not asked.enabled and asked.toxics for asked in bursts)


def test_a_surge_is_in_the_schedule_and_switched_by_nobody(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    run(testbed, clock, tmp_path / "calm")
    events = run(testbed, clock, tmp_path / "surge", Surge(times=3))
    assert not any(isinstance(event, Switched | ReadBack) for event in events)
    planned = [(tmp_path / name / "schedule.jsonl").read_text().count("\n") for name in ("calm", "surge")]
    assert planned[1] > 1.3 * planned[0]


def test_what_happens_at_an_instant_happens_to_every_twin_and_is_counted(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    testbed.performer(HARDENED, a_part(SERVICE)).deaf = True
    with closing(FolderJournal(tmp_path / "events.jsonl", clock.now)) as journal:
        journal.begin(clock.now())
        injector = Injector(plan_of(Struck(times=2)), testbed, journal, clock)
        for at_s, step in injector.steps():
            clock.sleep_until(1_000 + at_s)
            step()
        injector.close()
    events = read_values(tmp_path / "events.jsonl", Event)
    shots = [(e.twin, e.planned_s, e.hits, e.ok) for e in events if isinstance(e, Performed)]
    assert shots == [
        (twin, at_s, hits, bool(hits)) for at_s in (3.0, 5.0) for twin, hits in ((NAIVE, 1), (HARDENED, 0))
    ]


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
    assert status(tmp_path / "r") is Status.ABORTED


class WatchedClock(Clock):
    """As the other, but each of its steps lasts until the thread that sees who is alive has looked again, or ended."""

    def __init__(self, testbed: Testbed) -> None:
        super().__init__()
        self._testbed = testbed

    def sleep_until(self, at: float) -> None:
        super().sleep_until(at)
        checks = self._testbed.checks
        # A look that finds something missing asks the testbed twice.
        eventually(lambda: self._testbed.checks > checks + 2 or not looking())


def looking() -> bool:
    return any(thread.name == "alive" for thread in threading.enumerate())


def test_a_program_that_dies_in_mid_run_ends_it_at_once_and_judges_nobody(
    testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "ALIVE_EVERY_S", 0.001)
    clock = WatchedClock(testbed)

    def kill_observer(at: float) -> None:
        if at > 1_004:
            testbed.spawned["hardened", "observe"].code = 137
        WatchedClock.sleep_until(clock, at)

    monkeypatch.setattr(clock, "sleep_until", kill_observer)
    with pytest.raises(
        Spoiled, match=r"'observe' beside the hardened twin .* 137.*hardened/logs/observe\.log"
    ) as told:
        run(testbed, clock, tmp_path / "r")
    assert told.value.exit_code == 3
    assert clock.now() < 1_006
    assert healed(testbed)
    assert status(tmp_path / "r") is Status.ABORTED
    assert RunRecord(tmp_path / "r").manifest.problem == str(told.value)


def test_an_engine_that_goes_in_mid_run_ends_it_too(
    testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "ALIVE_EVERY_S", 0.001)
    testbed.gone = LabError("no engine")
    with pytest.raises(Spoiled, match="no engine"):
        run(testbed, WatchedClock(testbed), tmp_path / "r")
    assert not testbed.is_up


def test_a_program_that_went_with_its_engine_is_not_blamed(testbed: Testbed) -> None:
    class Lost(Child):
        def running(self) -> bool:
            testbed.gone = LabError("no engine")
            raise LabError("Docker: no such file or directory")

    alive = watching.Alive({(NAIVE, "load"): Lost()}, testbed)
    assert not alive.again()
    with pytest.raises(Spoiled, match="no engine"):
        alive.check()


def test_an_engine_that_goes_when_the_load_is_over_spoils_the_run_as_well(
    testbed: Testbed, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lost(Child):
        def wait(self, timeout_s: float) -> int:
            testbed.gone = LabError("no engine")
            raise LabError("Docker: connection refused")

    spawn = testbed.spawn

    def lost(twin: str, module: str, config: Any, folder: Path, name: str) -> Child:
        child = spawn(twin, module, config, folder, name)
        return child if name == "load" else Lost()

    monkeypatch.setattr(testbed, "spawn", lost)
    with pytest.raises(Spoiled, match="no engine"):
        run(testbed, clock, tmp_path / "r")


@pytest.mark.parametrize("step", ["collect", "down"])
def test_what_fails_for_want_of_the_engine_does_not_hide_that_it_has_gone(
    testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    does = getattr(testbed, step)

    def fails(*words: Any) -> None:
        does(*words)
        raise LabError(f"cannot {step}")

    monkeypatch.setattr(watching, "ALIVE_EVERY_S", 0.001)
    monkeypatch.setattr(testbed, step, fails)
    testbed.gone = LabError("no engine")
    with pytest.raises(Spoiled, match="no engine"):
        run(testbed, WatchedClock(testbed), tmp_path / "r")
    assert status(tmp_path / "r") is Status.ABORTED


def test_what_cannot_be_healed_because_it_has_gone_is_told_as_gone(
    testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "ALIVE_EVERY_S", 0.001)
    clock, heal = WatchedClock(testbed), Injector.heal

    def healing(injector: Injector) -> None:
        if testbed.gone:
            raise LabError("Could not heal.")
        heal(injector)

    def kill_proxies(at: float) -> None:
        testbed.gone = LabError("The proxies have ended.") if at > 1_004 else None
        WatchedClock.sleep_until(clock, at)

    monkeypatch.setattr(Injector, "heal", healing)
    monkeypatch.setattr(clock, "sleep_until", kill_proxies)
    with pytest.raises(Spoiled, match="The proxies have ended"):
        run(testbed, clock, tmp_path / "r")
    assert RunRecord(tmp_path / "r").manifest.problem == "The proxies have ended."


def test_a_stack_that_does_not_come_up_is_taken_down_and_its_logs_are_kept(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    testbed.up_error = LabError("no PostgreSQL")
    with pytest.raises(LabError, match="no PostgreSQL"):
        run(testbed, clock, tmp_path / "r")
    assert (tmp_path / "r" / "naive" / "logs" / "collected.log").exists()
    assert status(tmp_path / "r") is Status.ABORTED


def test_a_proxy_that_does_not_do_what_it_is_told_is_written_down(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    testbed.actuator(NAIVE, a_link(DATABASE)).deaf = True
    events = run(testbed, clock, tmp_path / "r")
    assert [event.ok for event in events if isinstance(event, Switched) and event.on] == [False, True]


def test_an_observer_that_cannot_read_the_data_is_named_with_its_log(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    spawn = testbed.spawn

    def failing(twin: str, module: str, config: Mapping[str, Any], folder: Path, name: str) -> Child:
        child = spawn(twin, module, config, folder, name)
        return Dying() if (twin, name) == ("hardened", "observe") else child

    testbed.spawn = failing  # type: ignore[method-assign]
    with pytest.raises(Spoiled, match=r"'observe' beside the hardened twin .*hardened/logs/observe\.log"):
        run(testbed, clock, tmp_path / "r")
    assert status(tmp_path / "r") is Status.ABORTED


def test_the_observers_may_read_the_data_when_the_load_has_ended_and_all_is_healed(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    events = run(testbed, clock, tmp_path / "r")
    ended = [number for number, event in enumerate(events) if isinstance(event, LoadEnded)]
    assert len(ended) == 1
    assert not any(isinstance(event, Switched) for event in events[ended[0] :])
    t0, end = (json.loads((tmp_path / "r" / f"{name}.json").read_text())[name] for name in ("t0", "end"))
    assert end - t0 >= PHASES.window(DRAIN)[0]


def test_a_load_that_dies_after_the_last_arrival_spoils_the_run_unless_it_left_its_summary(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    spawn = testbed.spawn

    def dying(twin: str, module: str, config: Mapping[str, Any], folder: Path, name: str) -> Child:
        spawn(twin, module, config, folder, name)
        child = testbed.spawned[twin, name] = Dying() if name == "load" else Child()
        if summary:
            (folder / "load.json").write_text("{}")
        return child

    testbed.spawn = dying  # type: ignore[method-assign]
    summary = True
    run(testbed, clock, tmp_path / "told")  # what it could not record is the matter of a gate
    summary = False
    with pytest.raises(Spoiled, match="'load' beside the naive twin"):
        run(testbed, clock, tmp_path / "silent")


def test_what_fails_before_the_load_begins_is_no_run_at_all(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    testbed.up_error = LabError("no PostgreSQL")
    with pytest.raises(LabError) as told:
        run(testbed, clock, tmp_path / "r")
    assert not isinstance(told.value, Spoiled)
    assert RunRecord(tmp_path / "r").manifest.problem == "no PostgreSQL"


@pytest.mark.parametrize("mid_run", [True, False])
def test_what_ended_a_run_is_not_hidden_by_what_is_left_of_its_stack(
    testbed: Testbed, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mid_run: bool
) -> None:
    def fails() -> None:
        testbed.is_up = False
        raise LabError("Container x is left.")

    why = LabError("no PostgreSQL")
    if mid_run:
        clock.at[5.0] = why
    else:
        testbed.up_error = why
    monkeypatch.setattr(testbed, "down", fails)
    with pytest.raises(Spoiled if mid_run else LabError, match=r"^no PostgreSQL") as told:
        run(testbed, clock, tmp_path / "r")
    assert notes_of(told.value) == ["Container x is left."]
    assert RunRecord(tmp_path / "r").manifest.problem == "no PostgreSQL"


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("works", [True, False])
def test_others_may_read_a_folder_only_if_its_stack_was_taken_down(
    testbed: Testbed, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, early: bool, works: bool
) -> None:
    """`early`: the run breaks off; else only its folder cannot be finished. The passwords of the stack are in it."""

    def down() -> None:
        if not works:
            raise LabError("The engine does not answer.")

    def full(_writer: RunWriter) -> None:
        raise OSError(28, "No space left on device")

    if early:
        clock.at[5.0] = KeyboardInterrupt()
    monkeypatch.setattr(testbed, "down", down)
    monkeypatch.setattr(RunWriter, "seal", full)
    folder = tmp_path / "r"
    journal, writer = FolderJournal(tmp_path / "events.jsonl", clock.now), RunWriter(folder)
    with pytest.raises(KeyboardInterrupt if early else OSError) as told:
        Runner(plan_of(LATENCY), testbed, writer, journal, clock).run()
    assert notes_of(told.value) == ([] if works else ["The engine does not answer."])
    assert bool(stat.S_IMODE(folder.stat().st_mode) & 0o055) == works


def test_a_target_that_breaks_off_leaves_no_other_unhealed(
    testbed: Testbed, clock: Clock, tmp_path: Path
) -> None:
    def reset() -> None:
        raise ConnectionResetError(104, "Connection reset by peer")

    testbed.actuator(NAIVE, a_link("edge")).takes = reset
    with closing(FolderJournal(tmp_path / "events.jsonl", clock.now)) as journal:
        injector = Injector(plan_of(LATENCY), testbed, journal, clock)
        with pytest.raises(LabError, match=r"Could not heal: .*reset by peer\. Run: bin/lab heal") as failed:
            injector.heal()
        injector.close()
    assert isinstance(failed.value.__cause__, ConnectionResetError)
    assert len(testbed.changes) == 2 * len(LINKS) - 1
