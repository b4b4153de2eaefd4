"""Every validity gate is seen red, and a healthy run passes them all."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.checks.slos import GoodRatio
from lab.faults import Latency
from lab.judge.gates import spoiled_by_the_machine
from lab.judge.gates.punctuality import in_step, on_time
from lab.judge.verdict import judge
from lab.model import (
    BASELINE,
    DATABASE,
    EDGE,
    FAULT,
    PAYMENTS,
    RECOVERY,
    Event,
    Failure,
    FaultWindow,
    Gate,
    LinkState,
    MetricsReading,
    Outcome,
    ProxiesRead,
    Proxy,
    ReadBack,
    Switched,
    Toxic,
    TwinPlan,
    a_link,
)
from lab.record import Status
from tests.fabricated.evidence import (
    HARDENED,
    NAIVE,
    OPS,
    PAIR,
    PHASES,
    THREE,
    FabricatedRun,
    FabricatedTwin,
    a_run,
    a_scenario,
    a_summary,
    probes,
    requests,
    together,
)
from tests.fabricated.gates import look
from tests.fabricated.history import booking

ROOT = Path(__file__).parents[2]
START_S, END_S = PHASES.window(FAULT)
SCENARIO = a_scenario(
    faults=(Latency(link=DATABASE, latency_ms=100),), checks=(GoodRatio(phase=FAULT, at_least=0.9),)
)
WINDOW = [FaultWindow(fault=0, on_s=START_S, off_s=END_S)]
SEEN = [*probes(0, START_S), *probes(START_S, END_S, answer_ms=202), *probes(END_S, PHASES.load_s)]


def healthy(plan: TwinPlan = PAIR[0]) -> FabricatedTwin:
    return FabricatedTwin(plan=plan, scenario=SCENARIO, probes=SEEN, fault_windows=WINDOW)


def a_healthy_run(twins: tuple[TwinPlan, ...] = PAIR) -> FabricatedRun:
    return a_run(SCENARIO, *map(healthy, twins))


def failed(run: FabricatedRun) -> list[Gate]:
    return [gate for gate in look(run) if not gate.passed]


@pytest.mark.parametrize("twins", [PAIR[1:], PAIR, THREE], ids=len)
def test_a_healthy_run_passes_every_gate_of_every_twin(twins: tuple[TwinPlan, ...]) -> None:
    run = a_healthy_run(twins)
    gates = look(run)
    assert failed(run) == []
    assert {gate.twin for gate in gates} == {"", *(twin.name for twin in twins)}
    assert all(gate.sentence.endswith(".") for gate in gates)


def test_the_page_about_reports_says_what_to_do_about_each_gate() -> None:
    page = (ROOT / "docs/reading-a-report.md").read_text()
    run = a_healthy_run()
    run.twins[0].probes = [*SEEN, *on_payments(0, PHASES.load_s)]
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    told = {name.strip() for row in rows for name in row.split(",")}
    assert {gate.name for gate in look(run)} <= told


def late(rows: Any) -> Any:
    rows["sent"] += 0.011
    return rows


def one_twice(rows: Any) -> Any:
    rows[7] = rows[6]
    return rows


def later(rows: Any) -> Any:
    """The whole load, by two seconds."""
    for name in ("intended", "started", "sent", "end"):
        rows[name] += 2
    return rows


def taken_for_another(rows: Any) -> Any:
    rows["op"][7] = OPS.index("healthz")
    return rows


def readings(start_s: float) -> list[MetricsReading]:
    """From `start_s` on, a second apart."""
    return [MetricsReading(at_s=start_s + n, ok=True, samples={}) for n in range(int(PHASES.total_s))]


def ill_baseline() -> object:
    start_s, _ = PHASES.window(BASELINE)
    ill = requests(start_s, start_s + 0.1, status=500, outcome=Outcome.UNKNOWN)
    return together(requests(0, start_s), ill, requests(start_s + 0.1, PHASES.load_s))


def one_late(rows: Any) -> Any:
    rows["sent"][7] += 0.06
    return rows


def spared(first: int, at_s: float = 12.0) -> dict[str, object]:
    """The last request was a repetition of number `first` that was not sent."""
    rows = requests()
    row = rows[-1:].copy()
    row["flags"], row["sent"], row["started"] = 4, 0.0, at_s
    return {"requests": rows[:-1], "not_needed": row, "repeats": {int(row["i"][0]): first}}


def unread(first: int) -> dict[str, object]:
    """The last request was to read what number `first` had made, and was not sent."""
    change = spared(first)
    change["reads"] = change.pop("repeats")
    return change


def told_to_come_again() -> dict[str, object]:
    change = spared(3)
    change["requests"][3]["status"] = 503  # type: ignore[index]
    return change


TWIN_GATES: list[tuple[str, dict[str, object]]] = [
    ("planned = recorded", {"requests": requests()[:-1]}),
    ("planned = recorded", {"requests": one_twice(requests())}),
    ("planned = recorded", spared(3, at_s=0.0)),
    ("planned = recorded", spared(99_999)),
    ("planned = recorded", told_to_come_again()),
    ("planned = recorded", unread(3)),
    ("as scheduled", {"requests": later(requests())}),
    ("as scheduled", {"requests": taken_for_another(requests())}),
    ("history complete", {"history": (booking("one that nobody asked for"),)}),
    ("observed throughout", {"metrics": readings(2.0)}),
    ("observed throughout", {"metrics": readings(-2.0)}),
    ("observed throughout", {"metrics": readings(0.0)[:5]}),
    ("observed throughout", {"probes": [one for one in SEEN if not 5.0 < one.start_s < 6.2]}),
    ("observed throughout", {"probes": [one for one in SEEN if not 5.0 < one.start_s < 5.55]}),
    ("schedule lag", {"requests": late(requests())}),
    ("schedule lag", {"requests": one_late(requests())}),
    ("generator healthy", {"summary": a_summary(cap_hits=1)}),
    ("generator healthy", {"summary": a_summary(errors=("EMFILE",))}),
    ("oracle alive", {"summary": a_summary(oracle={"get_booking": True, "transfer": False})}),
    ("oracle alive", {"summary": a_summary(oracle={})}),
    ("baseline healthy", {"requests": ill_baseline()}),
    ("fault observed", {"probes": probes(0, PHASES.load_s)}),
    ("healing observed", {"probes": [*probes(0, START_S), *probes(START_S, PHASES.load_s, answer_ms=202)]}),
]


@pytest.mark.parametrize(("gate", "change"), TWIN_GATES, ids=[gate for gate, _ in TWIN_GATES])
def test_a_gate_goes_red_for_the_twin_that_it_is_about(gate: str, change: dict[str, object]) -> None:
    run = a_run(SCENARIO, healthy(), replace(healthy(PAIR[1]), **change))
    assert [(one.name, one.twin) for one in failed(run)] == [(gate, HARDENED)]


def test_a_blind_oracle_is_told_apart_from_operations_that_never_got_a_right_answer() -> None:
    for op, says in (
        ("get_booking", "did not detect"),
        ("create_booking", "No right answer ever came to create_booking"),
    ):
        twin = replace(healthy(PAIR[1]), summary=a_summary(oracle={op: False}))
        (gate,) = failed(a_run(SCENARIO, healthy(), twin))
        assert says in gate.sentence


def test_an_oracle_that_has_found_real_errors_needs_no_planted_ones() -> None:
    """A twin that is always wrong is a finding, and no reason to distrust the run."""
    wrong = together(requests(), requests(op="create_booking", rate_rps=1, wrong=True))
    twin = replace(healthy(PAIR[1]), requests=wrong, summary=a_summary(oracle={"create_booking": False}))
    assert "oracle alive" not in [gate.name for gate in failed(a_run(SCENARIO, healthy(), twin))]


def test_a_run_that_lagged_says_what_would_have_kept_it_on_time_on_that_machine() -> None:
    twin = replace(healthy(PAIR[1]), requests=late(requests()))
    run = a_run(SCENARIO, healthy(), twin, facts={"advice": "Give containers real time."})
    (gate,) = failed(run)
    told = "99 % of requests were sent within 11.5 ms of schedule, and all within 11.5 ms. Give containers real time."
    assert gate.sentence.startswith(told)
    assert not any("real time" in gate.sentence for gate in look(run) if gate.passed)


@pytest.mark.parametrize(("gate", "change"), TWIN_GATES, ids=[gate for gate, _ in TWIN_GATES])
def test_a_run_is_made_again_for_what_a_busy_machine_does_and_for_nothing_else(
    gate: str, change: dict[str, object]
) -> None:
    run = a_run(SCENARIO, healthy(), replace(healthy(PAIR[1]), **change))
    spoiled = {
        "schedule lag",
        "baseline healthy",
        "fault observed",
        "healing observed",
        "observed throughout",
    }
    assert spoiled_by_the_machine(look(run)) == (gate in spoiled)


def test_a_repetition_that_was_not_needed_is_recorded_as_such() -> None:
    run = a_run(SCENARIO, healthy(), replace(healthy(PAIR[1]), **spared(3)))
    assert failed(run) == []
    told = [gate.sentence for gate in look(run) if gate.name == "planned = recorded"]
    assert told[1].endswith(" recorded. Follow-ups not sent: 1, none of which was needed.")


def test_what_nobody_acknowledged_need_not_be_read() -> None:
    change = unread(3)
    change["requests"][3]["outcome"] = Outcome.REFUSED  # type: ignore[index]
    assert failed(a_run(SCENARIO, healthy(), replace(healthy(PAIR[1]), **change))) == []


def change_events(run: FabricatedRun, change: Callable[[Event], Event], *twins: str) -> None:
    for twin in run.twins:
        if twin.twin in twins:
            twin.events = [change(event) if isinstance(event, Switched) else event for event in twin.events]


ROUTE = Proxy(listen="here:1", upstream="there:1")


def a_reading(asked: dict[str, Proxy], echo: dict[str, Proxy]) -> ProxiesRead:
    return ProxiesRead(twin=NAIVE, at_s=5.0, asked=asked, echo=echo)


def not_as_asked(run: FabricatedRun) -> None:
    first, *others = run.twins[0].events
    run.twins[0].events = [replace(first, echo=None, error="the proxy did not answer"), *others]


def not_there_in_mid_fault(run: FabricatedRun) -> None:
    asked = SCENARIO.faults[0].state()  # type: ignore[attr-defined]
    gone = ReadBack(twin=NAIVE, target=str(a_link(DATABASE)), at_s=14.0, asked=asked, echo=LinkState())
    run.twins[0].events = [*run.twins[0].events, gone]


def never_switched(run: FabricatedRun) -> None:
    for twin in run.twins:
        twin.events = [event for event in twin.events if not isinstance(event, Switched)]


def late_by_120_ms(run: FabricatedRun) -> None:
    change_events(run, lambda event: replace(event, after_s=event.after_s + 0.12), NAIVE, HARDENED)


def twins_out_of_step(run: FabricatedRun) -> None:
    change_events(
        run,
        lambda event: replace(event, before_s=event.before_s + 0.011, after_s=event.after_s + 0.011),
        NAIVE,
    )


def tampered_with(run: FabricatedRun) -> None:
    run.twins[0].events = [*run.twins[0].events, a_reading({}, {"mine": ROUTE})]


def never_looked_at(run: FabricatedRun) -> None:
    run.twins[0].events = [event for event in run.twins[0].events if not isinstance(event, ProxiesRead)]


def aborted(run: FabricatedRun) -> None:
    run.manifest = replace(run.manifest, status=Status.ABORTED)


@pytest.mark.parametrize(
    ("spoil", "gates"),
    [
        (not_as_asked, {"fault as asked"}),
        (not_there_in_mid_fault, {"fault as asked"}),
        (never_switched, {"fault as asked", "faults on time", "twins in step"}),
        (late_by_120_ms, {"faults on time"}),
        (twins_out_of_step, {"twins in step"}),
        (tampered_with, {"proxies untouched"}),
        (never_looked_at, {"proxies untouched"}),
        (aborted, {"run complete"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_gate_goes_red_when_the_fault_was_not_as_planned(
    spoil: Callable[[FabricatedRun], None], gates: set[str]
) -> None:
    run = a_healthy_run()
    spoil(run)
    assert {gate.name for gate in failed(run)} == gates


def test_a_late_change_tells_whether_the_lab_or_the_target_took_long() -> None:
    run = a_healthy_run()
    late_by_120_ms(run)
    (gate,) = failed(run)
    assert re.search(r"on link/database of \w+, was requested \d ms late and took 12\d ms\.", gate.sentence)


def often(twin: FabricatedTwin, last_late_s: float) -> None:
    """Forty switches, a second apart, and only the last of them late."""
    on = next(event for event in twin.events if isinstance(event, Switched))
    late_s = [0.0] * 39 + [last_late_s]
    twin.events = [
        replace(
            on, planned_s=on.planned_s + n, before_s=on.before_s + n + late, after_s=on.after_s + n + late
        )
        for n, late in enumerate(late_s)
    ]


@pytest.mark.parametrize(("late_s", "passed"), [(0.45, True), (0.55, False)])
def test_of_many_switches_one_may_be_late_but_not_by_half_a_second(late_s: float, passed: bool) -> None:
    run = a_healthy_run()
    for twin in run.twins:
        often(twin, late_s)
    assert on_time(run).passed is passed


@pytest.mark.parametrize(("late_s", "passed"), [(0.045, True), (0.055, False)])
def test_of_many_switches_one_may_be_out_of_step_but_not_for_long(late_s: float, passed: bool) -> None:
    run = a_healthy_run()
    for number, twin in enumerate(run.twins):
        often(twin, number * late_s)
    assert in_step(run).passed is passed


SLOW = Toxic(type="latency", stream="downstream", attributes={"latency": 1})


@pytest.mark.parametrize(
    ("asked", "echo", "told"),
    [
        ({}, {"mine": ROUTE}, "mine was added, from here:1 to there:1"),
        ({"edge": ROUTE}, {}, "edge was gone"),
        ({"edge": ROUTE}, {"edge": replace(ROUTE, upstream="spy:1")}, "edge led to spy:1 instead of there:1"),
        (
            {"edge": ROUTE},
            {"edge": replace(ROUTE, listen="all:1")},
            "edge listened on all:1 instead of here:1",
        ),
        (
            {"edge": ROUTE},
            {"edge": replace(ROUTE, state=LinkState(toxics=(SLOW,)))},
            "edge had latency downstream instead of no toxic",
        ),
        (
            {"edge": replace(ROUTE, state=LinkState(toxics=(SLOW,)))},
            {"edge": replace(ROUTE, state=LinkState(enabled=False))},
            "edge had a closed listener instead of latency downstream",
        ),
    ],
)
def test_what_somebody_else_did_to_a_proxy_is_told(
    asked: dict[str, Proxy], echo: dict[str, Proxy], told: str
) -> None:
    run = a_healthy_run()
    run.twins[0].events = [*run.twins[0].events, a_reading(asked, echo)]
    (gate,) = failed(run)
    assert gate.sentence.startswith(f"At 5.00 s somebody else had changed the proxies: {told}. Leave")
    assert not spoiled_by_the_machine([gate])


def test_proxies_that_could_not_be_read_are_told() -> None:
    run = a_healthy_run()
    run.twins[0].events = [*run.twins[0].events, replace(a_reading({}, {}), error="It hangs.")]
    (gate,) = failed(run)
    assert (gate.name, gate.value) == ("proxies read", 1)
    assert gate.sentence.startswith(
        "At 5.00 s the proxies could not be read, so nobody knows how they were; "
    )
    assert (
        "no sign that somebody has changed them. It hangs. Run it again on a quiet machine." in gate.sentence
    )
    assert spoiled_by_the_machine([gate])


def test_a_run_whose_toxic_was_never_applied_is_invalid_and_judges_nobody() -> None:
    verdict = judge(
        a_run(SCENARIO, *(replace(healthy(plan), probes=probes(0, PHASES.load_s)) for plan in PAIR))
    )
    assert (verdict.valid, verdict.as_expected) == (False, None)
    assert [gate.name for gate in verdict.gates[:2]] == ["fault observed", "fault observed"]
    assert all(twin.checks == () for twin in verdict.twins)


def test_without_a_fault_there_is_none_to_observe() -> None:
    gates = look(a_run(a_scenario(), *(FabricatedTwin(plan=plan) for plan in PAIR)))
    assert all(gate.passed for gate in gates)
    assert not {"fault observed", "healing observed", "fault as asked", "twins in step"} & {
        gate.name for gate in gates
    }


def third(number: int, answer_ms: float) -> list[Any]:
    """Probes of the whole run: for a while in one third of the fault they take that long, else what they should."""
    length_s = (END_S - START_S) / 3
    first_s = START_S + number * length_s
    last_s = first_s + 0.25 * length_s  # too short to show among the probes of the whole fault
    inside = [*probes(START_S, first_s, answer_ms=202), *probes(first_s, last_s, answer_ms=answer_ms)]
    return [
        *probes(0, START_S), *inside, *probes(last_s, END_S, answer_ms=202), *probes(END_S, PHASES.load_s)
    ]  # fmt: skip


@pytest.mark.parametrize(("number", "name"), list(enumerate(["first", "second", "last"])))
def test_a_fault_must_be_there_in_every_third_of_its_time(number: int, name: str) -> None:
    run = a_healthy_run()
    run.twins[0].probes = third(number, answer_ms=2)
    (gate,) = failed(run)
    assert gate.name == "fault observed"
    assert f"in its {name} third" in gate.sentence


def on_payments(start_s: float, end_s: float, **options: Any) -> list[Any]:
    return [replace(one, target="link/payments") for one in probes(start_s, end_s, **options)]


@pytest.mark.parametrize("options", [{"answer_ms": 60}, {"error": "refused"}], ids=str)
def test_a_link_that_no_fault_is_about_must_not_change(options: dict[str, Any]) -> None:
    run = a_healthy_run()
    run.twins[1].probes = [*SEEN, *on_payments(0, START_S), *on_payments(START_S, PHASES.load_s)]
    assert failed(run) == []
    run.twins[1].probes = [*SEEN, *on_payments(0, START_S), *on_payments(START_S, PHASES.load_s, **options)]
    (gate,) = failed(run)
    assert (gate.name, gate.twin) == ("links as planned", HARDENED)
    run.twins[1].probes = [*SEEN, *on_payments(0, START_S)]
    assert "links as planned" in {gate.name for gate in failed(run)}


@pytest.mark.parametrize("window", [PHASES.window(FAULT), PHASES.window(RECOVERY)], ids=[FAULT, RECOVERY])
def test_a_link_that_is_slow_in_one_phase_does_not_hide_behind_the_other(window: tuple[float, float]) -> None:
    start_s, end_s = window
    run = a_healthy_run()
    quiet = [*on_payments(0, start_s), *on_payments(end_s, PHASES.load_s)]
    run.twins[1].probes = [*SEEN, *quiet, *on_payments(start_s, end_s, answer_ms=60)]
    (gate,) = failed(run)
    assert gate.name == "links as planned"
    assert "ms longer" in gate.sentence


@pytest.mark.parametrize("window", [PHASES.window(FAULT), PHASES.window(RECOVERY)], ids=[FAULT, RECOVERY])
def test_a_link_must_not_be_slow_for_most_of_a_phase(window: tuple[float, float]) -> None:
    """The fastest tenth of the whole phase says nothing about the rest of it."""
    start_s, end_s = window[0], window[0] + 8.5
    run = a_healthy_run()
    quiet = [*on_payments(0, start_s), *on_payments(end_s, PHASES.load_s)]
    run.twins[1].probes = [*SEEN, *quiet, *on_payments(start_s, end_s, answer_ms=60)]
    (gate,) = failed(run)
    assert (gate.name, gate.value, gate.unit) == ("links as planned", 58.0, "ms")


@pytest.mark.parametrize("error", ["refused", "timeout"])
def test_the_number_of_a_link_that_was_cut_or_silent_is_no_latency(error: str) -> None:
    run = a_healthy_run()
    during = on_payments(START_S, END_S, error=error)
    run.twins[1].probes = [*SEEN, *on_payments(0, START_S), *during, *on_payments(END_S, PHASES.load_s)]
    (gate,) = failed(run)
    assert (gate.value, gate.unit) == (1.0, "share")
    assert gate.limit is not None
    assert gate.limit < 1
    assert ("cut off" if error == "refused" else "got no answer") in gate.sentence


def test_where_a_link_was_hardly_probed_the_phase_is_to_be_lengthened() -> None:
    run = a_healthy_run()
    run.twins[1].probes = [*SEEN, *on_payments(0, START_S)[::20], *on_payments(START_S, PHASES.load_s)]
    told = {gate.name: gate for gate in failed(run)}["links as planned"]
    assert (told.value, told.limit, told.unit) == (3, 10, "probes")
    assert "--set phases.baseline_s=N" in told.sentence
    assert "Find out" not in told.sentence


def test_a_recovery_too_short_to_be_judged_alone_is_judged_with_the_fault() -> None:
    """As in a self-check, whose mutants need none."""
    start_s, end_s = PHASES.window(RECOVERY)
    kept = [one for one in on_payments(0, PHASES.load_s) if not start_s + 0.5 < one.start_s < end_s]
    run = a_healthy_run()
    run.twins[1].probes = [*SEEN, *kept]
    assert "links as planned" not in {gate.name for gate in failed(run)}


def test_a_link_whose_server_alone_can_close_it_must_not_be_closed() -> None:
    """What the edge closes may be the twin's own doing."""
    for link, names in ((PAYMENTS, ["links as planned"]), (EDGE, [])):
        run = a_healthy_run()
        closed = probes(START_S, PHASES.load_s, link=link, error="closed")
        run.twins[1].probes = [*SEEN, *probes(0, START_S, link=link), *closed]
        assert [gate.name for gate in failed(run)] == names


def test_a_link_that_no_fault_is_about_must_not_fall_silent() -> None:
    """Behind the edge is the twin itself, and what it does not answer is its own affair."""
    for link, names in ((PAYMENTS, ["links as planned"]), (EDGE, [])):
        run = a_healthy_run()
        before, after = (
            probes(0, START_S, link=link),
            probes(START_S, PHASES.load_s, link=link, error="timeout"),
        )
        run.twins[1].probes = [*SEEN, *before, *after]
        assert [gate.name for gate in failed(run)] == names


def test_the_phases_and_the_faults_of_the_manifest_are_those_of_the_events() -> None:
    """A fault phase moved to a healthy part of the run was judged as if nothing had been wrong."""
    moved = a_healthy_run()
    other = replace(PHASES, warmup_s=PHASES.warmup_s + 8, fault_s=PHASES.fault_s - 8)
    moved.begun = moved.begun_in(PHASES)
    moved.manifest = replace(moved.manifest, phases=other)
    assert "phases as planned" in {gate.name for gate in failed(moved)}
    later = a_healthy_run()
    switches = [replace(each, at_s=each.at_s + 2) for each in later.manifest.switches]
    later.manifest = replace(later.manifest, switches=tuple(switches))
    assert "phases as planned" in {gate.name for gate in failed(later)}


def test_what_the_generator_never_sent_shows_in_the_records_too() -> None:
    run = a_healthy_run()
    run.twins[0].requests = run.twins[0].requests.copy()
    run.twins[0].requests["failure"][7] = Failure.SHED
    assert "generator healthy" in {gate.name for gate in failed(run)}


def test_a_generator_without_cpu_to_spare_may_have_been_late_itself() -> None:
    run = a_healthy_run()
    run.twins[0].summary = a_summary(cpu_share_max=0.9)
    (gate,) = failed(run)
    assert (gate.name, gate.value, gate.limit) == ("generator healthy", 0.9, 0.8)
    assert "Lower the load" in gate.sentence


def test_an_error_of_the_generator_is_not_blamed_on_the_load() -> None:
    run = a_healthy_run()
    run.twins[0].summary = a_summary(errors=("EMFILE",))
    (gate,) = failed(run)
    assert gate.sentence.endswith("report it: it is a bug in the lab.")
    assert "Lower the load" not in gate.sentence


def test_a_request_that_was_recorded_twice_does_not_count_twice() -> None:
    run = a_run(SCENARIO, healthy(), replace(healthy(PAIR[1]), requests=one_twice(requests())))
    (gate,) = failed(run)
    assert gate.limit is not None
    assert gate.value == gate.limit - 1
    assert "1 of them twice" in gate.sentence
