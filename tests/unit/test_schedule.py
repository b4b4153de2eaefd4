"""One seed, one schedule; it has the rate and the mix that it was asked for."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.model import FAULT, QUICK, Arrival, LabError, Load
from lab.plan.arrivals import Surge, plan_arrivals
from lab.workload.booking import BOOKING
from lab.workload.booking.followers import CROSSING_AFTER_S, REPEAT_AFTER_S
from lab.workload.booking.operations import OPERATIONS
from lab.workload.booking.reading import EDITED_EVERY_S
from lab.workload.booking.slots import CONTESTED_EVERY_S
from lab.workload.booking.writing import PATIENCE_S
from services.common import slots as priced

REPEATED_OPS = {"create_booking_repeated", "transfer_repeated"}
DOUBLED = "transfer_doubled"
BOOKING_OPS = ("create_booking", "create_booking_repeated", "contested_booking")
START_S, END_S = QUICK.window(FAULT)


def planned(load: Load, *surges: Surge, seed: int = 1) -> list[Arrival]:
    return list(plan_arrivals(load, QUICK, seed, BOOKING, BOOKING.sizes, surges))


def plan(*ops: str, rate_rps: float = 100, seed: int = 1) -> list[Arrival]:
    return planned(Load(rate_rps=rate_rps, mix=dict.fromkeys(ops, 1.0)), seed=seed)


@pytest.mark.thorough
def test_one_seed_is_one_schedule_and_another_seed_another() -> None:
    assert plan(*OPERATIONS, seed=7) == plan(*OPERATIONS, seed=7)
    assert plan(*OPERATIONS, seed=7) != plan(*OPERATIONS, seed=8)


def test_arrivals_are_numbered_in_order_of_time_and_end_before_the_drain() -> None:
    arrivals = plan(*OPERATIONS)
    assert [arrival.i for arrival in arrivals] == list(range(len(arrivals)))
    assert [arrival.at_s for arrival in arrivals] == sorted(arrival.at_s for arrival in arrivals)
    assert arrivals[-1].at_s < QUICK.load_s


def test_the_rate_is_what_was_asked_for() -> None:
    count = len(plan("get_booking", rate_rps=200))
    assert count == pytest.approx(200 * QUICK.load_s, rel=0.06)


def test_the_mix_is_what_was_asked_for() -> None:
    load = Load(rate_rps=200, mix={"get_booking": 3, "healthz": 1})
    ops = Counter(arrival.op for arrival in planned(load))
    assert ops["get_booking"] / ops["healthz"] == pytest.approx(3, rel=0.15)


@pytest.mark.thorough
@pytest.mark.parametrize("op", sorted(set(OPERATIONS) - REPEATED_OPS - {DOUBLED}))
def test_every_write_has_a_key_and_a_reference_of_its_own(op: str) -> None:
    arrivals = plan(op)
    writes = [arrival for arrival in arrivals if arrival.method != "GET"]
    assert len({arrival.key for arrival in writes}) == len(writes)
    with_body = [arrival.body for arrival in writes if arrival.body]
    assert len({body["reference"] for body in with_body}) == len(with_body)


@pytest.mark.parametrize("op", sorted(REPEATED_OPS))
def test_an_impatient_client_gives_up_and_sends_the_very_same_again(op: str) -> None:
    arrivals = plan(op)
    first = next(arrival for arrival in arrivals if arrival.at_s > 1)
    one, again = [arrival for arrival in arrivals if arrival.key == first.key]
    assert (one.body, one.patience_s, one.repeats) == (again.body, PATIENCE_S, None)
    assert (again.repeats, again.patience_s) == (one.i, None)
    assert again.at_s - one.at_s == pytest.approx(REPEAT_AFTER_S)
    assert REPEAT_AFTER_S > PATIENCE_S


@pytest.mark.parametrize(
    ("op", "read"), [("create_booking_read", "own_booking"), ("create_hold_read", "own_hold")]
)
def test_a_client_reads_later_what_it_was_told(op: str, read: str) -> None:
    arrivals = plan(op)
    own = [arrival for arrival in arrivals if arrival.op == read]
    assert own
    for arrival in own:
        assert arrival.reads is not None
        first = arrivals[arrival.reads]
        assert (first.op, first.read_back, first.expect) == (op, True, arrival.expect)
        assert arrival.at_s == pytest.approx(first.at_s + BOOKING.followers[op].after_s)
        assert (arrival.method, arrival.path) == ("GET", f"{first.path}{{id}}/")


def test_a_double_click_sends_the_very_same_again_whether_or_not_it_was_answered() -> None:
    first = next(arrival for arrival in plan(DOUBLED) if arrival.at_s > 1)
    one, again = [arrival for arrival in plan(DOUBLED) if arrival.key == first.key]
    assert replace(again, i=one.i, at_s=one.at_s) == one
    assert (one.repeats, one.patience_s) == (None, None)


def test_whoever_pays_asks_for_the_transfer() -> None:
    for arrival in plan("transfer", "scarce_transfer", "crossing_transfer"):
        giver = (arrival.body or {})["from_wallet_id"]
        assert arrival.caller == 1 + (giver - 1) % BOOKING.sizes["users"]


def test_several_people_edit_one_profile_at_a_time_and_each_names_what_was_opened() -> None:
    arrivals = plan("edit_profile", rate_rps=20)
    editors = Counter(arrival.path for arrival in arrivals if arrival.op == "edit_profile")
    assert editors.most_common(1)[0][1] > 2
    for saving in (arrival for arrival in arrivals if arrival.op == "save_profile"):
        opening = arrivals[saving.reads or 0]
        assert (opening.path, opening.read_back) == (saving.path, True)
        assert saving.at_s > (int(opening.at_s / EDITED_EVERY_S) + 1) * EDITED_EVERY_S


def test_nothing_is_repeated_after_the_last_arrival_of_the_load() -> None:
    arrivals = plan("transfer_repeated")
    firsts = [arrival for arrival in arrivals if arrival.repeats is None]
    again = {arrival.repeats for arrival in arrivals} - {None}
    assert again == {arrival.i for arrival in firsts if arrival.at_s + REPEAT_AFTER_S < QUICK.load_s}


def times(said: dict[str, Any] | None) -> tuple[datetime, datetime]:
    """When a slot begins and ends."""
    assert said
    return datetime.fromisoformat(said["starts_at"]), datetime.fromisoformat(said["ends_at"])


@pytest.mark.parametrize("op", ["create_booking", "create_hold"])
def test_times_of_one_s_own_never_overlap(op: str) -> None:
    wanted = sorted((arrival.body["room_id"], *times(arrival.body)) for arrival in plan(op) if arrival.body)
    assert all(room != other or end <= start for (room, _, end), (other, start, _) in pairwise(wanted))
    assert {end - start for _, start, end in wanted} == {timedelta(minutes=n) for n in (30, 45, 60)}


def test_all_who_want_a_room_in_the_same_half_second_overlap_and_clash_with_nobody_else() -> None:
    """Some want the very same hour, some the one that begins in the middle of it."""
    wanted: dict[int, set[tuple[datetime, datetime]]] = defaultdict(set)
    for arrival in plan("contested_booking"):
        wanted[int(arrival.at_s / CONTESTED_EVERY_S)].add(times(arrival.body))
    assert Counter(map(len, wanted.values())).most_common(1)[0][0] == 2
    for together in wanted.values():
        assert max(start for start, _ in together) < min(end for _, end in together)
    for one, later in pairwise(wanted[number] for number in sorted(wanted)):
        assert max(end for _, end in one) < min(start for start, _ in later)


@pytest.mark.parametrize("op", BOOKING_OPS)
def test_a_price_follows_the_length_as_the_services_reckon_it(op: str) -> None:
    for arrival in plan(op):
        assert arrival.body
        assert arrival.expect
        slot = dict(zip(("starts_at", "ends_at"), times(arrival.body), strict=True))
        hourly_price_cents = 1_000 + 100 * arrival.body["room_id"]
        assert arrival.expect["price_cents"] == priced.price_cents(slot, hourly_price_cents)


@pytest.mark.parametrize("op", BOOKING_OPS)
def test_half_of_the_bookings_are_asked_for_in_another_zone_and_told_in_utc(op: str) -> None:
    offsets: Counter[str] = Counter()
    for arrival in plan(op):
        assert times(arrival.body) == times(arrival.expect)
        assert arrival.body
        assert arrival.expect
        offsets[arrival.body["starts_at"][19:]] += 1
        assert arrival.expect["starts_at"][19:] == arrival.expect["ends_at"][19:] == "Z"
    assert set(offsets) == {"Z", "+02:00", "-05:30"}
    assert offsets["Z"] / offsets.total() == pytest.approx(0.5, abs=0.1)


def test_names_and_texts_have_letters_of_one_to_four_bytes() -> None:
    for arrival in plan("update_profile"):
        assert arrival.body
        assert arrival.expect
        for name, most in (("display_name", 80), ("bio", 1_000)):
            text = arrival.body[name]
            assert {len(letter.encode()) for letter in text} == {1, 2, 3, 4}
            assert len(text) <= most
            assert arrival.expect[name] == text


def test_nothing_else_is_paid_from_or_to_the_wallets_of_scarce_transfers() -> None:
    """Else a transfer of all that is in them might be refused rightly, and whoever refuses the last cent be excused."""
    arrivals = plan("transfer", "transfer_repeated", "crossing_transfer", "scarce_transfer")
    bodies = [(arrival.op, arrival.body) for arrival in arrivals if arrival.body]
    emptied = {body["from_wallet_id"] for op, body in bodies if op == "scarce_transfer"}
    paying = {body["from_wallet_id"] for op, body in bodies if op != "scarce_transfer"}
    paid = {body["to_wallet_id"] for _, body in bodies}
    assert len(emptied) > 100
    assert not emptied & (paying | paid)


def test_transfers_cross_in_pairs_each_with_a_key_of_its_own() -> None:
    def way(arrival: Arrival) -> tuple[int, int]:
        assert arrival.body
        return arrival.body["from_wallet_id"], arrival.body["to_wallet_id"]

    arrivals = plan("crossing_transfer", rate_rps=2)
    due = {arrival.at_s: arrival for arrival in arrivals}
    pairs = [(one, back) for one in arrivals if (back := due.get(round(one.at_s + CROSSING_AFTER_S, 6)))]
    assert 2 * len(pairs) >= len(arrivals) - 1  # the last may be too late for one to follow
    assert all(way(one) == way(back)[::-1] and one.key != back.key for one, back in pairs)
    assert {giver < taker for giver, taker in map(way, (one for one, _ in pairs))} == {True, False}


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (Load(rate_rps=10, mix={"get_bookng": 1}), "No such operation: get_bookng"),
        (Load(rate_rps=0, mix={"get_booking": 1}), "above 0"),
        (Load(rate_rps=10, mix={"get_booking": 0}), "has no weights"),
    ],
)
def test_a_load_that_cannot_be_planned_is_named(load: Load, said: str) -> None:
    with pytest.raises(LabError, match=said):
        planned(load)


READS = Load(rate_rps=200, mix={"get_booking": 1})


def test_in_a_surge_arrivals_come_so_many_times_as_often_and_elsewhere_as_ever() -> None:
    calm, surged = planned(READS), planned(READS, Surge(window=(START_S, END_S), times=3))

    def inside(arrivals: list[Arrival]) -> int:
        return sum(START_S <= arrival.at_s < END_S for arrival in arrivals)

    assert inside(surged) / inside(calm) == pytest.approx(3, rel=0.1)
    assert (len(surged) - inside(surged)) / (len(calm) - inside(calm)) == pytest.approx(1, rel=0.1)
    assert [arrival.i for arrival in surged] == list(range(len(surged)))


def test_up_to_the_surge_the_schedule_is_what_it_is_without_one() -> None:
    before = [arrival for arrival in planned(READS) if arrival.at_s < START_S]
    assert planned(READS, Surge(window=(START_S, END_S), times=3))[: len(before)] == before


@pytest.mark.thorough
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1_000), st.floats(0, QUICK.load_s), st.floats(0, QUICK.load_s))
def test_a_surge_of_once_as_much_changes_nothing_but_the_last_digit(seed: int, a: float, b: float) -> None:
    load = Load(rate_rps=20, mix={"get_booking": 1})
    same = planned(load, Surge(window=(min(a, b), max(a, b)), times=1), seed=seed)
    calm = planned(load, seed=seed)
    assert [arrival.path for arrival in same] == [arrival.path for arrival in calm]
    assert [arrival.at_s for arrival in same] == pytest.approx([arrival.at_s for arrival in calm], abs=2e-6)


@pytest.mark.thorough
def test_surges_at_once_multiply() -> None:
    whole = Surge(window=(0, QUICK.load_s), times=2)
    assert len(planned(READS, whole, whole)) == pytest.approx(4 * len(planned(READS)), rel=0.06)


def test_a_surge_counts_against_the_most_that_a_lab_should_send() -> None:
    with pytest.raises(LabError, match=r"Lower load\.rate_rps"):
        planned(READS, Surge(window=(START_S, END_S), times=10_000))
