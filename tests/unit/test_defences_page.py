"""docs/defences.md says values, not names of constants, what each defence costs, and what it waits for."""

import importlib
import re

import pytest

from lab.catalogue import entries
from services.defences import costs
from services.defences.__main__ import awaited, chapter
from services.defences.choice import NAMES

NAMED = {name for entry in entries().values() for name in entry.scenario.defences}


def difference(low: float, added: float, high: float) -> dict[str, float]:
    return {"low": low, "added": added, "high": high, "base": 4.0, "other": 4.0 + added}


SEEN = {
    "cpu_ms": difference(0.1, 0.25, 0.4),
    "time_ms": difference(-0.1, 0.01, 0.2),
    "round_trips": {"base": 3.0, "other": 2.5},
}
LOST_IN_NOISE = SEEN | {"cpu_ms": difference(-0.1, 0.05, 0.1), "round_trips": {"base": 3.0, "other": 3.0}}
MEASURED = {
    "commit": "0123456",
    "day": "2026-11-21",
    "machine": {"system": "Linux", "kernel": "6.1", "cores": 2, "python": "3.11.2"},
    "share": 0.99,
    "requests": 504,
    "twins": SEEN,
    "nothing": {"alone": LOST_IN_NOISE, "among": LOST_IN_NOISE},
    "defences": {"deadline": {"alone": LOST_IN_NOISE, "among": SEEN}},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_chapter_has_the_value_of_each_constant_not_its_name(name: str) -> None:
    constants = {
        known for known in vars(importlib.import_module(f"services.defences.{name}")) if known.isupper()
    }
    assert set(re.findall(r"\w+", chapter(name))) & constants == set()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("deadline", "A request has 1 s, and"),
        ("connection_pool", "20 connections, open before"),
        ("idempotency", "every time for 24 h."),
        ("input_validation", "A body has 16,384 bytes at most"),
        ("server_timeouts", "lock_timeout (800 ms)"),
    ],
)
def test_a_value_has_the_unit_that_ends_its_name(name: str, said: str) -> None:
    assert said in chapter(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_defence_is_named_by_a_scenario_or_says_which_one_will_need_it(name: str) -> None:
    assert (name in NAMED) != bool(awaited()[name]), (
        f'{name}: end its docstring with "Awaits S..: why" where no scenario names it, and only there'
    )


def test_a_cost_is_told_beside_what_it_is_paid_for() -> None:
    said = costs.sentence(MEASURED, "deadline")
    assert said == "Measured: +0.25 ms of CPU, −0.50 round trips to the database per request."
    assert "- **Costs** a timer and a check for each wait, and the connection" in chapter("deadline", said)
    assert chapter("deadline", said).count(said) == 1


def test_noise_is_not_sold_as_cost() -> None:
    noisy = MEASURED | {"defences": {"deadline": {"alone": SEEN, "among": LOST_IN_NOISE}}}
    said = costs.sentence(noisy, "deadline")
    assert said == "Measured: no CPU above the noise, 0 round trips to the database per request."


def test_the_table_of_costs_says_how_many_requests_where_and_how_sure() -> None:
    page = "\n".join(costs.chapter(MEASURED))
    assert "same 504 requests" in page
    assert "commit `0123456`, on 2 cores, Linux 6.1, Python\n3.11.2" in page
    row = next(line for line in page.splitlines() if line.startswith("| [deadline](#deadline)"))
    assert row.split(" | ")[1:] == [
        "+0.05 (−0.10 to +0.10)", "**+0.25** (+0.10 to +0.40)", "+0.01 (−0.10 to +0.20)", "+0.01 (−0.10 to +0.20)",
        "0", "−0.50 |",
    ]  # fmt: skip
    assert page.splitlines()[-1].startswith("| *the same twin twice* |")


def test_without_a_measurement_the_page_says_how_to_make_one() -> None:
    assert costs.sentence({}, "deadline") == ""
    assert "Not measured yet" in "\n".join(costs.chapter({}))
