"""The gates of the baseline: healthy with something of each kind served, steady, and alike between the twins."""

from dataclasses import replace
from typing import Any

import pytest

from lab.checks.slos import GoodRatio
from lab.judge.gates import spoiled_by_the_machine
from lab.model import BASELINE, FAULT, Failure, Gate, Outcome
from tests.fabricated.evidence import PAIR, PHASES, FabricatedTwin, a_run, a_scenario, requests, together
from tests.fabricated.gates import look

START_S, END_S = PHASES.window(BASELINE)
CONFLICT = {"op": "create_booking", "status": 409, "outcome": Outcome.REFUSED}
SCENARIO = a_scenario(checks=(GoodRatio(phase=FAULT, at_least=0.9),))


def failed(*rows: Any, **changes: Any) -> list[Gate]:
    """The gates of the baseline that a run of twins with these requests fails."""
    twins = (FabricatedTwin(plan=plan, requests=own) for plan, own in zip(PAIR, rows, strict=False))
    gates = look(a_run(replace(SCENARIO, **changes), *twins))
    return [gate for gate in gates if "baseline" in gate.name and not gate.passed]


def baseline_of(**what: Any) -> Any:
    return together(requests(0, START_S), requests(START_S, END_S, **what), requests(END_S, PHASES.load_s))


def test_conflicts_alone_are_no_sign_of_health() -> None:
    """25 of them, and nothing else, were once taken for a baseline that is right in 100 of 100 requests."""
    first, second = failed(baseline_of(**CONFLICT), baseline_of(**CONFLICT))[:2]
    assert first.name == "baseline healthy"
    assert (
        "these operations never succeeded, so nothing shows that they work: create_booking." in first.sentence
    )
    assert second.name == "baseline steady"


def test_of_each_operation_something_succeeds() -> None:
    barren = together(requests(), requests(START_S, END_S, rate_rps=2, **CONFLICT))
    (gate,) = failed(barren, requests())
    assert (gate.name, gate.value, gate.limit) == ("baseline healthy", 1, 0)
    assert gate.unit == "operations without a success"
    contested = together(
        requests(),
        requests(START_S, END_S, rate_rps=2, **CONFLICT),
        requests(START_S + 1, START_S + 2, rate_rps=1, op="create_booking"),
    )
    assert failed(contested, requests()) == []


ONE = (START_S + 1, START_S + 1.02)  # exactly one request is due in it


@pytest.mark.parametrize(
    ("what", "count", "names"),
    [
        ({"latency_ms": 900}, 1, []),
        ({"status": 503, "outcome": Outcome.REFUSED}, 1, []),
        ({"latency_ms": 900}, 2, ["baseline healthy"]),
        ({"wrong": True}, 1, ["baseline healthy"]),
    ],
    ids=["late", "refused", "two", "wrong"],
)
def test_one_request_that_failed_or_came_late_is_forgiven_and_a_wrong_answer_is_not(
    what: dict[str, Any], count: int, names: list[str]
) -> None:
    few = requests(START_S, END_S, rate_rps=10)
    rows = together(few[count:], requests(*ONE, rate_rps=50 * count, **what))
    assert [gate.name for gate in failed(rows, rows)] == 2 * names


def two(**what: Any) -> Gate:
    """The gate of a baseline with 58 good requests, and two of this kind."""
    few = requests(START_S, END_S, rate_rps=10)
    rows = together(few[2:], requests(*ONE, rate_rps=100, **what))
    return failed(rows, rows)[0]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"wrong": True}, "2 had wrong content (get_booking)"),
        ({"status": 500, "outcome": Outcome.FAILED}, "2 were errors (get_booking)"),
    ],
    ids=["wrong", "error"],
)
def test_what_a_twin_answers_wrong_is_not_blamed_on_the_machine(what: dict[str, Any], words: str) -> None:
    gate = two(**what)
    assert f"Of the others, {words}." in gate.sentence
    assert "see the log of its service, in naive/logs" in gate.sentence
    assert "achine" not in gate.sentence
    assert "Lower the load" not in gate.sentence


@pytest.mark.parametrize(
    "what",
    [{"latency_ms": 900}, {"failure": Failure.TIMEOUT}, {"status": 503, "outcome": Outcome.REFUSED}],
    ids=["late", "unanswered", "shed"],
)
def test_what_comes_late_or_never_may_be_the_machine(what: dict[str, Any]) -> None:
    gate = two(**{"outcome": Outcome.UNKNOWN, **what} if "failure" in what else what)
    assert "Of the others, 2 came late or never (get_booking). This machine managed about" in gate.sentence
    assert "this machine cannot handle the load" in gate.sentence
    assert "logs" not in gate.sentence


def test_a_baseline_in_which_nothing_was_due_is_too_short() -> None:
    gate = failed(requests(END_S), requests(END_S))[0]
    assert "0 of 0 requests" in gate.sentence
    assert "--set phases.baseline_s=N" in gate.sentence


@pytest.mark.parametrize("within_ms", [5_900, 6_000, 60_000])
def test_a_limit_as_long_as_the_baseline_leaves_its_first_half(within_ms: float) -> None:
    """It was once an empty window, in which nothing was right, and a division by its length."""
    load = replace(SCENARIO.load, good_within_ms=within_ms)
    assert failed(requests(), requests(), load=load) == []
    silent = baseline_of(status=500, outcome=Outcome.FAILED)
    assert "0 of" in failed(silent, silent, load=load)[0].sentence


def test_of_what_is_seldom_asked_for_nothing_is_demanded() -> None:
    rare = together(requests(), requests(START_S, END_S, rate_rps=0.5, **CONFLICT))
    assert failed(rare, requests()) == []


@pytest.mark.parametrize(("later_ms", "names"), [(75, []), (90, ["baseline steady"])])
def test_the_median_answer_does_not_wander(later_ms: float, names: list[str]) -> None:
    """By a quarter of the limit of 300 ms at most; both twins do, so that they stay alike."""
    middle_s = (START_S + END_S - 0.3) / 2
    rows = together(requests(0, middle_s), requests(middle_s, PHASES.load_s, latency_ms=later_ms))
    assert [gate.name for gate in failed(rows, rows)] == names * 2


def test_twins_that_differ_before_anything_breaks_are_not_compared() -> None:
    """What stopping the workers of one twin for 60 % of the time did to its median: 68 against 13 ms."""
    (gate,) = failed(requests(latency_ms=13), requests(latency_ms=68))
    assert gate.name == "baselines alike"
    assert "naive 13 ms, hardened 68 ms" in gate.sentence
    assert "one twin may simply be slower" in gate.sentence
    assert spoiled_by_the_machine([gate])
    assert failed(requests(latency_ms=13), requests(latency_ms=35)) == []
    assert failed(requests(latency_ms=35), requests(latency_ms=13)) == []


@pytest.mark.parametrize("order", [1, -1])
def test_a_twin_without_a_good_answer_is_like_no_other(order: int) -> None:
    rows = (requests(latency_ms=13), requests(**CONFLICT))[::order]
    gate = failed(*rows)[-1]
    assert gate.name == "baselines alike"
    assert (gate.value, gate.limit) == (None, None)
    assert "no good answer" in gate.sentence
    assert "nan" not in gate.sentence
    assert gate.sentence.endswith("The gate 'baseline healthy' says what became of the requests.")


def test_a_scenario_may_expect_a_difference() -> None:
    rows = requests(latency_ms=50), requests(latency_ms=15)
    assert [gate.name for gate in failed(*rows)] == ["baselines alike"]
    assert failed(*rows, baseline_alike=3.0) == []


def test_one_twin_alone_is_like_itself() -> None:
    assert failed(requests(latency_ms=70)) == []
