"""Who takes part in a run, under which name, and in which role."""

from collections.abc import Sequence

import pytest

from lab.model import TWINS_MAX, LabError, Role, line_up


def names_and_roles(*services: str) -> list[tuple[str, Role]]:
    return [(twin.name, twin.role) for twin in line_up([(service, "all") for service in services])]


def test_the_first_is_the_control_the_second_the_treatment_the_third_a_guest() -> None:
    assert names_and_roles("naive", "hardened", "student") == [
        ("naive", Role.CONTROL),
        ("hardened", Role.TREATMENT),
        ("student", Role.GUEST),
    ]


def test_the_same_service_again_gets_a_name_of_its_own() -> None:
    assert [name for name, _ in names_and_roles("naive", "naive", "naive")] == ["naive", "naive-2", "naive-3"]


def test_one_twin_alone_is_a_run() -> None:
    assert names_and_roles("hardened") == [("hardened", Role.CONTROL)]


def test_defences_stay_with_their_twin() -> None:
    twins = line_up([("hardened", "all"), ("hardened", "all,-deadline")])
    assert [twin.defences for twin in twins] == ["all", "all,-deadline"]
    assert {twin.service for twin in twins} == {"hardened"}


@pytest.mark.parametrize(
    ("defences", "names"),
    [
        (("all,-deadline", "all"), ("hardened-without-deadline", "hardened")),
        (("none", "none,+deadline"), ("hardened", "hardened-with-deadline")),
        (("all,-deadline,-saga", "all", "none"), ("hardened-changed", "hardened", "hardened-2")),
        (("all,-deadline", "all, -deadline"), ("hardened-without-deadline", "hardened-without-deadline-2")),
        (("all", f"all,-{'x' * 40}"), ("hardened", "hardened-changed")),
    ],
)
def test_of_two_alike_the_one_with_a_change_says_which(defences: Sequence[str], names: Sequence[str]) -> None:
    assert tuple(twin.name for twin in line_up([("hardened", each) for each in defences])) == names


def test_a_twin_without_its_service_s_defences_is_a_changed_one() -> None:
    twins = line_up([("hardened", "none"), ("hardened", "all")], {"hardened": "all"})
    assert [twin.name for twin in twins] == ["hardened-changed", "hardened"]


def test_a_twin_alone_in_its_service_keeps_its_name_whatever_is_switched() -> None:
    assert [twin.name for twin in line_up([("naive", "none"), ("hardened", "all,-deadline")])] == [
        "naive",
        "hardened",
    ]


def test_only_a_twin_whose_defences_are_not_its_service_s_own_is_altered() -> None:
    own = {"naive": "none", "hardened": "all"}
    twins = line_up([("naive", "none"), ("hardened", "all"), ("hardened", "all,-deadline")], own)
    assert [twin.altered for twin in twins] == [False, False, True]


@pytest.mark.parametrize("count", [0, TWINS_MAX + 1])
def test_none_or_too_many_is_refused(count: int) -> None:
    with pytest.raises(LabError, match=f"1 to {TWINS_MAX} twins, not {count}"):
        line_up([("naive", "none")] * count)
