"""Every invariant: holds on a right history, goes red on a planted wrong one, and says when it cannot tell."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.checks import wording
from lab.checks.invariants import (
    INVARIANTS,
    AtomicPair,
    ChargesMatch,
    CleanEndState,
    Conservation,
    ExactlyOnce,
    JustifiedRefusals,
    NoDeadlocks,
    NoDoubleBooking,
    NoLostAcks,
    NoLostUpdate,
    NoPhantoms,
    RefusedMeansRefused,
    StoredAsAsked,
    UniqueIds,
)
from lab.model import FAULT, Check, CheckResult, Operation, Outcome, Verdict
from tests.fabricated.evidence import PHASES, FabricatedTwin, requests, together
from tests.fabricated.history import booking, booking_row, charge_row, ended, operation, transfer, update

HELD, BROKEN, INCONCLUSIVE = Verdict.HELD, Verdict.BROKEN, Verdict.INCONCLUSIVE
OF_A_WRITE = [Outcome.OK, Outcome.REFUSED, Outcome.UNKNOWN]
LATER = {"starts_at": "2030-01-01T11:00:00+00:00", "ends_at": "2030-01-01T12:00:00+00:00"}
ABROAD = {
    "starts_at": "2030-01-01T12:00:00+02:00",
    "ends_at": "2030-01-01T04:30:00-06:30",
}  # from 10 to 11 in UTC


@pytest.fixture(autouse=True)
def _short_histories_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each shows one thing; how much an invariant must have looked at is tested by itself."""
    monkeypatch.setattr(wording, "LOOKED_MIN", 1)


def transferred(cents: int = 100, reference: str = "t1", rows: int = 2) -> dict[str, Any]:
    """What one transfer leaves behind; `rows` of its two ledger rows."""
    ledger = [
        {"id": 1, "transfer_id": 1, "wallet_id": 1, "delta_cents": -cents},
        {"id": 2, "transfer_id": 1, "wallet_id": 2, "delta_cents": cents},
    ]
    state = ended(ledger=ledger[:rows])
    state["transfers"] = [
        {"id": 1, "from_wallet_id": 1, "to_wallet_id": 2, "amount_cents": cents, "reference": reference}
    ]
    state["wallets"] = [
        {"id": 1, "user_id": 1, "balance_cents": 1_000 - cents},
        {"id": 2, "user_id": 2, "balance_cents": 1_000 + cents},
    ]
    return state


def profile(version: int, *audited: int, **changes: object) -> dict[str, Any]:
    """User 1's profile at `version` and the audit rows of `audited`; the newest ones say the same unless changed."""
    state = ended()
    newest = {"user_id": 1, "display_name": "New", "bio": "b", "version": version, "reference": f"p{version}"}
    state["profiles"] = [newest, state["profiles"][1]]
    state["audit"] = [
        {**newest, "id": n, "version": at, "reference": f"p{at}", **changes}
        for n, at in enumerate(audited, start=1)
    ]
    return state


def crossings(
    pairs: int,
    *,
    from_s: float = PHASES.window(FAULT)[0],
    apart_s: float = 0.05,
    back: Outcome = Outcome.OK,
    same_way: bool = False,
) -> list[Operation]:
    """Pairs of transfers between wallets 1 and 2, each answered after 0.1 s; two pairs a second."""
    history = []
    for n in range(pairs):
        there, other, at_s = transfer(f"there{n}"), transfer(f"back{n}", back), from_s + n / 2
        way = {} if same_way else {"from_wallet_id": 2, "to_wallet_id": 1}
        history += [
            there._replace(at_s=at_s, end_s=at_s + 0.1),
            other._replace(at_s=at_s + apart_s, end_s=at_s + apart_s + 0.1, asked={**other.asked, **way}),
        ]
    return history


def counting(deadlocks: int) -> dict[str, Any]:
    return ended() | {"counters": [{"deadlocks": deadlocks}]}


BOOKED = FabricatedTwin(
    history=[booking("r1")], final=ended(bookings=[booking_row(2, "r1")], charges=[charge_row(1, "r1")])
)
REFUSED = booking("r2", Outcome.REFUSED)
PAID = FabricatedTwin(history=[transfer("t1")], final=transferred())
UPDATED = FabricatedTwin(history=[update("p2")], final=profile(2, 2))


def judged(check: Check, twin: FabricatedTwin) -> CheckResult:
    result = check.judge(twin)
    assert result.sentence.endswith(".")
    assert (result.verdict is BROKEN) == bool(result.examples)
    return result


RIGHT = [
    (NoLostAcks(), BOOKED), (NoLostAcks(), PAID), (NoLostAcks(), UPDATED),
    (NoPhantoms(), BOOKED), (NoPhantoms(), PAID), (NoPhantoms(), UPDATED),
    (RefusedMeansRefused(), FabricatedTwin(history=[booking("r1"), REFUSED], final=BOOKED.final)),
    (NoDoubleBooking(), BOOKED),
    (Conservation(), PAID),
    (NoDeadlocks(), FabricatedTwin(history=crossings(10))),
    (AtomicPair(), UPDATED),
    (ExactlyOnce(), BOOKED), (ExactlyOnce(), PAID),
    (CleanEndState(), BOOKED),
    (ChargesMatch(), BOOKED),
    (JustifiedRefusals(), FabricatedTwin(history=[booking("r1"), REFUSED], final=BOOKED.final)),
    (StoredAsAsked(), BOOKED), (StoredAsAsked(), PAID), (StoredAsAsked(), UPDATED),
    (UniqueIds(), BOOKED),
]  # fmt: skip


@pytest.mark.parametrize(("check", "twin"), RIGHT, ids=lambda value: getattr(value, "invariant", ""))
def test_an_invariant_holds_on_a_right_history(check: Check, twin: FabricatedTwin) -> None:
    result = judged(check, twin)
    assert (result.verdict, result.value) == (HELD, 0)
    assert result.invariant == check.invariant


def test_every_invariant_is_seen_to_hold() -> None:
    elsewhere = {NoLostUpdate}  # in test_followed_up.py
    assert {type(check) for check, _ in RIGHT} | elsewhere == set(INVARIANTS)


@pytest.mark.parametrize(
    "check", [c for c in INVARIANTS if c is not CleanEndState], ids=lambda c: c.invariant
)
def test_without_an_acknowledged_write_nothing_is_claimed(check: type[Check]) -> None:
    doubtful = [
        booking("r1", Outcome.UNKNOWN),
        transfer("t1", Outcome.UNKNOWN),
        update("p2", Outcome.REFUSED),
    ]
    assert judged(check(), FabricatedTwin()).verdict is INCONCLUSIVE
    if check is not JustifiedRefusals:  # which looks at what was refused
        assert judged(check(), FabricatedTwin(history=doubtful)).verdict is INCONCLUSIVE


def test_deadlocks_of_this_run_are_counted_though_every_client_was_served() -> None:
    result = judged(
        NoDeadlocks(), FabricatedTwin(history=crossings(12), initial=counting(2), final=counting(7))
    )
    assert (result.verdict, result.value) == (BROKEN, 5)
    assert result.sentence == "5 deadlocks in the database; 12 pairs of transfers crossed in the fault phase."


def test_the_losers_of_a_deadlock_are_shown() -> None:
    history = [*crossings(3), *crossings(4, back=Outcome.UNKNOWN)[6:]]
    result = judged(NoDeadlocks(), FabricatedTwin(history=history, final=counting(1)))
    assert result.verdict is BROKEN
    assert len(result.examples) == 1
    assert "unknown" in result.examples[0]


@pytest.mark.parametrize(
    "history",
    [
        crossings(9),
        crossings(20, apart_s=0.11),
        crossings(15, from_s=0),
        crossings(20, same_way=True),
        crossings(20, back=Outcome.REFUSED),
    ],
    ids=["too few", "one after the other", "before the fault", "the same way", "refused"],
)
def test_where_transfers_did_not_cross_the_lack_of_deadlocks_says_nothing(history: list[Operation]) -> None:
    result = judged(NoDeadlocks(), FabricatedTwin(history=history))
    assert result.verdict is INCONCLUSIVE
    assert "crossed" in result.sentence


def test_one_deadlock_is_one_however_few_have_crossed() -> None:
    result = judged(NoDeadlocks(), FabricatedTwin(history=crossings(1), final=counting(1)))
    assert (result.verdict, result.value) == (BROKEN, 1)


def test_a_database_that_counts_anew_tells_nothing() -> None:
    twin = FabricatedTwin(history=crossings(12), initial=counting(3), final=counting(0))
    assert judged(NoDeadlocks(), twin).verdict is INCONCLUSIVE


def test_a_read_is_not_mistaken_for_a_write() -> None:
    read = operation("get_booking", {"path": "/bookings/1/"})
    assert judged(NoLostAcks(), FabricatedTwin(history=[read])).verdict is INCONCLUSIVE


# -- I1 no lost acknowledgements


def test_a_lost_acknowledgement_is_found_and_shown() -> None:
    result = judged(NoLostAcks(), FabricatedTwin(history=[booking("r1")], final=ended()))
    assert (result.verdict, result.value) == (BROKEN, 1)
    assert "r1" in result.examples[0]
    assert "room 1" in result.examples[0]


def test_an_acknowledged_booking_that_ends_cancelled_is_lost() -> None:
    final = ended(bookings=[booking_row(2, "r1", status="cancelled")])
    assert judged(NoLostAcks(), FabricatedTwin(history=[booking("r1")], final=final)).verdict is BROKEN


def test_an_acknowledged_profile_update_that_was_overtaken_is_not_lost() -> None:
    twin = FabricatedTwin(history=[update("p2"), update("p3")], final=profile(3, 2, 3))
    assert judged(NoLostAcks(), twin).verdict is HELD


def test_an_acknowledged_profile_update_without_a_trace_is_lost() -> None:
    twin = FabricatedTwin(history=[update("p2"), update("gone")], final=profile(2, 2))
    assert judged(NoLostAcks(), twin).verdict is BROKEN


def test_one_kind_without_acknowledgement_leaves_i1_open() -> None:
    twin = FabricatedTwin(history=[*BOOKED.history, transfer("t1", Outcome.UNKNOWN)], final=BOOKED.final)
    result = judged(NoLostAcks(), twin)
    assert result.verdict is INCONCLUSIVE
    assert "transfer" in result.sentence


# -- I2 no phantoms


@pytest.mark.parametrize(
    "final",
    [
        ended(bookings=[booking_row(2, "r1"), booking_row(3, "nobody")]),
        ended(bookings=[booking_row(2, "r1"), booking_row(3, None)]),
        ended(bookings=[booking_row(2, "r1")], charges=[charge_row(1, "nobody")]),
    ],
    ids=["under a strange reference", "without one", "a charge"],
)
def test_a_phantom_is_found(final: dict[str, Any]) -> None:
    result = judged(NoPhantoms(), FabricatedTwin(history=[booking("r1")], final=final))
    assert (result.verdict, result.value) == (BROKEN, 1)


def test_the_effect_of_a_request_in_doubt_is_no_phantom() -> None:
    history = [booking("r1"), booking("r2", Outcome.UNKNOWN)]
    final = ended(bookings=[booking_row(2, "r1"), booking_row(3, "r2", **LATER)])
    assert judged(NoPhantoms(), FabricatedTwin(history=history, final=final)).verdict is HELD


# -- I3 refused means refused


@pytest.mark.parametrize(
    "left",
    [{"bookings": [booking_row(3, "r2")]}, {"charges": [charge_row(2, "r2")]}],
    ids=["refused, but saved", "refused, but charged"],
)
def test_a_refusal_with_an_effect_is_found(left: dict[str, Any]) -> None:
    history = [booking("r1"), booking("r2", Outcome.REFUSED)]
    result = judged(RefusedMeansRefused(), FabricatedTwin(history=history, final=ended(**left)))
    assert (result.verdict, result.value) == (BROKEN, 1)


def test_a_try_in_doubt_excuses_the_refusal_that_follows() -> None:
    doubtful = [booking("r2", Outcome.UNKNOWN), booking("r2", Outcome.REFUSED)]
    history = [booking("r1"), booking("r3", Outcome.REFUSED), *doubtful]
    twin = FabricatedTwin(history=history, final=ended(bookings=[booking_row(3, "r2")]))
    assert judged(RefusedMeansRefused(), twin).verdict is HELD


def test_a_refused_booking_that_was_taken_back_is_no_effect() -> None:
    history = [booking("r1"), booking("r2", Outcome.REFUSED)]
    twin = FabricatedTwin(history=history, final=ended(bookings=[booking_row(3, "r2", status="cancelled")]))
    assert judged(RefusedMeansRefused(), twin).verdict is HELD


# -- I4 no double booking


def test_two_confirmed_bookings_of_one_hour_are_found() -> None:
    half = {"starts_at": "2030-01-01T10:30:00+00:00", "ends_at": "2030-01-01T11:30:00+00:00"}
    final = ended(bookings=[booking_row(2, "r1"), booking_row(3, "r2", **half)])
    result = judged(NoDoubleBooking(), FabricatedTwin(history=[booking("r1"), booking("r2")], final=final))
    assert (result.verdict, result.value) == (BROKEN, 1)
    assert "r1" in result.examples[0]
    assert "r2" in result.examples[0]


def test_a_long_booking_clashes_with_every_short_one_inside_it() -> None:
    day = {"starts_at": "2030-01-01T08:00:00+00:00", "ends_at": "2030-01-01T20:00:00+00:00"}
    rows = [booking_row(2, "day", **day), booking_row(3, "r1"), booking_row(4, "r2", **LATER)]
    result = judged(NoDoubleBooking(), FabricatedTwin(history=[booking("r1")], final=ended(bookings=rows)))
    assert result.value == 2


def test_two_acknowledgements_for_one_hour_are_found_even_if_one_row_is_gone() -> None:
    twin = FabricatedTwin(
        history=[booking("r1"), booking("r2")], final=ended(bookings=[booking_row(2, "r1")])
    )
    assert judged(NoDoubleBooking(), twin).verdict is BROKEN


@pytest.mark.parametrize(
    "second",
    [
        booking_row(3, "r2", **LATER),  # the next hour
        booking_row(3, "r2", room_id=2),
        booking_row(3, "r2", status="cancelled"),
        booking_row(3, "r2", status="pending"),
    ],
)
def test_neighbours_other_rooms_and_unconfirmed_ones_do_not_clash(second: dict[str, object]) -> None:
    twin = FabricatedTwin(history=[booking("r1")], final=ended(bookings=[booking_row(2, "r1"), second]))
    assert judged(NoDoubleBooking(), twin).verdict is HELD


def test_an_hour_is_the_same_in_any_zone() -> None:
    twice = [booking("r1", **ABROAD), booking("r2", **ABROAD)]
    result = judged(NoDoubleBooking(), FabricatedTwin(history=twice, final=BOOKED.final))
    assert result.verdict is BROKEN
    assert "from 2030-01-01 10:00" in result.examples[0]
    stored = FabricatedTwin(history=[booking("r1", **ABROAD)], final=BOOKED.final)
    assert judged(StoredAsAsked(), stored).verdict is HELD
    refused = FabricatedTwin(history=[booking("r1", **ABROAD), REFUSED])
    assert judged(JustifiedRefusals(), refused).verdict is HELD


def test_one_booking_acknowledged_twice_under_one_reference_is_not_double() -> None:
    assert (
        judged(NoDoubleBooking(), FabricatedTwin(history=[booking("r1")] * 2, final=BOOKED.final)).verdict
        is HELD
    )


# -- I6 conservation


def test_lost_money_is_found() -> None:
    final = transferred()
    final["wallets"][1]["balance_cents"] = 1_000
    result = judged(Conservation(), FabricatedTwin(history=[transfer("t1")], final=final))
    assert result.verdict is BROKEN
    assert "-100" in result.examples[0]


def test_a_negative_balance_is_found() -> None:
    twin = FabricatedTwin(history=[transfer("t1", cents=1_500)], final=transferred(1_500))
    assert "wallet 1: -500 cents" in judged(Conservation(), twin).examples


def test_a_half_written_ledger_is_found() -> None:
    twin = FabricatedTwin(history=[transfer("t1")], final=transferred(rows=1))
    assert judged(Conservation(), twin).verdict is BROKEN


def test_a_transfer_that_the_ledger_does_not_know_is_found_though_no_balance_is_wrong() -> None:
    final = {**ended(), "transfers": transferred()["transfers"]}
    result = judged(Conservation(), FabricatedTwin(history=[transfer("t1")], final=final))
    assert (result.verdict, result.value) == (BROKEN, 1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50)), min_size=1, max_size=15), st.integers(-3, 3))
def test_any_sequence_of_transfers_conserves_and_any_drift_is_found(
    moves: list[tuple[bool, int]], drift: int
) -> None:
    balance, transfers, ledger = {1: 1_000, 2: 1_000}, [], []
    for n, (forth, cents) in enumerate(moves, start=1):
        payer, payee = (1, 2) if forth else (2, 1)
        transfers.append(
            {
                "id": n,
                "from_wallet_id": payer,
                "to_wallet_id": payee,
                "amount_cents": cents,
                "reference": f"t{n}",
            }
        )
        for wallet, delta in ((payer, -cents), (payee, cents)):
            ledger.append(
                {"id": len(ledger) + 1, "transfer_id": n, "wallet_id": wallet, "delta_cents": delta}
            )
            balance[wallet] += delta
    balance[2] += drift
    final = ended(transfers=transfers, ledger=ledger)
    final["wallets"] = [{"id": n, "user_id": n, "balance_cents": cents} for n, cents in balance.items()]
    twin = FabricatedTwin(history=[transfer(f"t{n}") for n in range(1, len(moves) + 1)], final=final)
    assert judged(Conservation(), twin).verdict is (BROKEN if drift else HELD)


# -- I8 atomic pair


@pytest.mark.parametrize(
    ("final", "words"),
    [
        (profile(3, 2), "without an audit row"),
        (profile(2, 2, 3), "the profile never had it"),
        (profile(2, 2, 2), "audited twice"),
        (profile(2, 2, bio="other"), "differ in bio"),
    ],
    ids=["profile ahead", "audit ahead", "twice", "other payload"],
)
def test_a_torn_pair_is_found_in_both_directions(final: dict[str, Any], words: str) -> None:
    result = judged(AtomicPair(), FabricatedTwin(history=[update("p2")], final=final))
    assert (result.verdict, result.value) == (BROKEN, 1)
    assert words in result.examples[0]


def test_a_user_whose_first_profile_was_written_in_the_run_is_a_pair_too() -> None:
    twin = FabricatedTwin(history=[update("p1")], final=profile(1, 1), initial={**ended(), "profiles": []})
    twin.final["profiles"].pop()
    assert judged(AtomicPair(), twin).verdict is HELD


# -- I14 money


@pytest.mark.parametrize(
    ("bookings", "charges", "words"),
    [
        ([booking_row(2, "r1", charge_id=None)], [], "no charge for it"),
        (
            [booking_row(2, "r1")],
            [{**charge_row(1, "r1"), "amount_cents": 1_999}],
            "costs 2000 cents, but 1999 were kept",
        ),
        (
            [booking_row(2, "r1")],
            [{**charge_row(1, "r1"), "refunded_cents": 2_000}],
            "costs 2000 cents, but 0 were kept",
        ),
        ([], [charge_row(2, "r2")], "no confirmed booking"),
        (
            [booking_row(2, "r2", status="pending", charge_id="ch_2")],  # for a minute
            [charge_row(2, "r2")],
            "no confirmed booking",
        ),
        (
            [booking_row(2, "r1"), booking_row(3, "r2", **LATER)],
            [charge_row(1, "r1")],
            "pays for booking 2 (r1) and",
        ),
    ],
    ids=[
        "not charged",
        "too little",
        "paid back",
        "charged for nothing",
        "charged while pending",
        "two for one",
    ],
)
def test_money_that_does_not_match_its_booking_is_found(
    bookings: list[dict[str, Any]], charges: list[dict[str, Any]], words: str
) -> None:
    """Beside a booking and a charge that match, so that there is something to match at all."""
    matched = booking_row(9, "ok", room_id=7, charge_id="ch_9")
    final = ended(bookings=[matched, *bookings], charges=[charge_row(9, "ok"), *charges])
    result = judged(ChargesMatch(), FabricatedTwin(history=[booking("r1")], final=final))
    assert (result.verdict, result.value) == (BROKEN, 1)
    assert words in result.examples[0]


@pytest.mark.parametrize(
    ("bookings", "charges"),
    [
        ([booking_row(2, "r1")], []),
        ([], [charge_row(1, "r1")]),
        ([booking_row(2, "r1", status="pending")], [charge_row(1, "r1")]),
    ],
)
def test_if_there_is_only_one_side_nothing_matches(bookings: list[Any], charges: list[Any]) -> None:
    final = ended(bookings=bookings, charges=charges)
    assert judged(ChargesMatch(), FabricatedTwin(history=[booking("r1")], final=final)).verdict is BROKEN


def test_a_charge_that_was_paid_back_in_full_needs_no_booking() -> None:
    back = {**charge_row(2, "r2"), "refunded_cents": 2_000}
    final = ended(bookings=[booking_row(2, "r1")], charges=[charge_row(1, "r1"), back])
    assert judged(ChargesMatch(), FabricatedTwin(history=[booking("r1")], final=final)).verdict is HELD


# -- I15 contents


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        (booking("r1"), ended(bookings=[booking_row(2, "r1", **{name: value})]))
        for name, value in {
            "room_id": 2,
            "user_id": 2,
            "starts_at": "2030-01-02T10:00:00+00:00",
            "ends_at": "2030-01-01T12:00:00+00:00",
            "price_cents": 1,
        }.items()
    ]
    + [
        (transfer("t1", cents=200), transferred(100)),
        (update("p2"), profile(2, 2, display_name="Ne")),
        (update("p2", user=2), profile(2, 2)),
        (operation("create_hold", {**booking("h1").asked, "path": "/holds/"}),
         ended(holds=[{**booking_row(1, "r1"), "room_id": 2}])),
    ],
)  # fmt: skip
def test_a_row_that_says_something_else_than_was_asked_for_is_found(
    asked: Operation, left: dict[str, Any]
) -> None:
    if asked.op == "create_hold":
        left["holds"][0]["reference"] = "h1"
    result = judged(StoredAsAsked(), FabricatedTwin(history=[asked], final=left))
    assert (result.verdict, result.value) == (BROKEN, 1)
    assert "asked for" in result.examples[0]


def test_a_row_that_says_something_else_than_was_acknowledged_is_found() -> None:
    said = booking(
        "r1", answered={"id": 2, "room_id": 1, "price_cents": 1_500, "starts_at": "2030-01-01T10:00:00Z"}
    )
    result = judged(StoredAsAsked(), FabricatedTwin(history=[said], final=BOOKED.final))
    assert "price_cents 2000, acknowledged 1500" in result.examples[0]


@pytest.mark.parametrize(
    "answered",
    [
        {"id": 2, "status": "confirmed", "ends_at": "2030-01-01T11:00:00Z"},
        "text",
        None,
    ],
    ids=["the same instant", "no object", "nothing"],
)
def test_what_is_no_difference(answered: object) -> None:
    twin = FabricatedTwin(history=[booking("r1", answered=answered)], final=BOOKED.final)
    assert judged(StoredAsAsked(), twin).verdict is HELD


@pytest.mark.parametrize("said", [{"id": 9}, {"id": 9, "room_id": 5}])
def test_an_acknowledgement_that_names_a_row_of_somebody_else_is_found(said: dict[str, int]) -> None:
    """Whoever asks for that booking again sees another person's, or none."""
    result = judged(
        StoredAsAsked(), FabricatedTwin(history=[booking("r1", answered=said)], final=BOOKED.final)
    )
    assert (result.verdict, result.value) == (BROKEN, 1)
    assert "acknowledged as no. 9, which is not its own" in result.examples[0]


def test_a_profile_has_no_number_to_be_named_by() -> None:
    said = update("p2")._replace(answered={"user_id": 1, "version": 2})
    assert judged(StoredAsAsked(), FabricatedTwin(history=[said], final=profile(2, 2))).value in (None, 0)


# -- I16 justified refusals

HELD_HOUR = booking("r1")
SEEDED_HOUR = {"starts_at": "2025-01-01T10:00:00Z", "ends_at": "2025-01-01T11:00:00Z"}


@pytest.mark.parametrize(
    ("history", "justified"),
    [
        ([HELD_HOUR, REFUSED], True),
        ([booking("r1", Outcome.UNKNOWN), REFUSED], True),
        ([booking("r1", starts_at="2030-01-01T09:30:00Z", ends_at="2030-01-01T10:30:00Z"), REFUSED], True),
        ([booking("r1", Outcome.REFUSED), REFUSED], False),
        ([booking("r1", room_id=2), REFUSED], False),
        ([booking("r1", starts_at="2030-01-01T11:00:00Z", ends_at="2030-01-01T12:00:00Z"), REFUSED], False),
        ([HELD_HOUR, REFUSED._replace(status=404)], False),
        ([HELD_HOUR, REFUSED._replace(status=422)], False),
        ([booking("r2", Outcome.REFUSED, **SEEDED_HOUR)], True),
        ([booking("r2"), REFUSED], True),  # its own first try, still under way
        ([transfer("t1", Outcome.REFUSED, cents=1_000)], False),
        ([transfer("t1", Outcome.REFUSED, cents=1_001)], True),
        ([transfer("t0", Outcome.UNKNOWN, cents=900), transfer("t1", Outcome.REFUSED, cents=200)], True),
        ([update("p1"), update("p2", Outcome.REFUSED)], True),
        ([update("p1", user=2), update("p2", Outcome.REFUSED)], False),
    ],
)  # fmt: skip
def test_a_refusal_needs_something_that_may_have_stood_in_its_way(
    history: list[Operation], justified: bool
) -> None:
    result = judged(JustifiedRefusals(), FabricatedTwin(history=history))
    assert result.verdict is (HELD if justified else BROKEN)
    assert result.value == (
        0 if justified else len([each for each in history if each.outcome is Outcome.REFUSED])
    )


@pytest.mark.parametrize("gap_s", [-1.0, 1.0])
@pytest.mark.parametrize(
    ("other", "refused"),
    [
        (HELD_HOUR, REFUSED),
        (transfer("t0", cents=900), transfer("t1", Outcome.REFUSED, cents=200)),
        (update("p1"), update("p2", Outcome.REFUSED)),
    ],
    ids=["an hour", "money", "a profile"],
)
def test_what_was_asked_for_after_the_refusal_is_no_reason_for_it(
    other: Operation, refused: Operation, gap_s: float
) -> None:
    """Five lies were once excused by the sixth, to whom the hour was given."""
    history = [refused, other._replace(at_s=refused.end_s + gap_s, end_s=refused.end_s + gap_s + 0.1)]
    result = judged(JustifiedRefusals(), FabricatedTwin(history=history))
    assert result.verdict is (HELD if gap_s < 0 else BROKEN)


@pytest.mark.parametrize("status", [503, 429, 500])
def test_a_refusal_for_want_of_health_needs_no_conflict(status: int) -> None:
    history = [REFUSED._replace(status=status)]
    assert judged(JustifiedRefusals(), FabricatedTwin(history=history)).verdict is INCONCLUSIVE
    served = judged(JustifiedRefusals(), FabricatedTwin(history=[HELD_HOUR, *history]))
    assert served.verdict is HELD
    assert "2 bookings in the whole run; no request was refused for good" in served.sentence


@pytest.mark.parametrize("check", [RefusedMeansRefused(), JustifiedRefusals()], ids=lambda c: c.invariant)
def test_a_twin_that_refuses_nothing_has_refused_nothing_wrongly(check: Check) -> None:
    """In S14 the hardened twin waits out every burst, and was inconclusive for want of refusals."""
    history = [update(f"p{n}", user=n) for n in range(5)]
    result = judged(check, FabricatedTwin(history=history))
    assert (result.verdict, result.looked) == (HELD, 5)
    assert "5 profile updates in the whole run" in result.sentence
    nobody = [update(f"p{n}", Outcome.UNKNOWN, user=n) for n in range(5)]
    assert judged(check, FabricatedTwin(history=nobody)).verdict is INCONCLUSIVE


@pytest.mark.parametrize(("status", "verdict"), [(404, BROKEN), (409, BROKEN), (503, HELD), (429, HELD)])
def test_a_read_is_never_refused_for_good(status: int, verdict: Verdict) -> None:
    history = [booking(f"r{n}", Outcome.REFUSED, **SEEDED_HOUR) for n in range(5)]
    asked = together(requests(), requests(status=status, outcome=Outcome.REFUSED, rate_rps=0.1))
    result = judged(JustifiedRefusals(), FabricatedTwin(history=history, requests=asked))
    assert result.verdict is verdict
    assert ("get_booking at" in " ".join(result.examples)) is (verdict is BROKEN)


# -- I13 identity


def test_an_id_belongs_to_one_thing() -> None:
    """As where every worker counts its own holds; a retry of the same intent may be told the same id."""
    first, second = booking("r1"), booking("r2")
    same = second._replace(answered={**second.answered, "id": first.answered["id"]})
    told = judged(UniqueIds(), FabricatedTwin(history=[first, same]))
    assert (told.verdict, told.value) == (BROKEN, 1)
    assert "booking r1 has the same id" in told.examples[0]
    again = first._replace(i=9, at_s=first.at_s + 2)
    assert judged(UniqueIds(), FabricatedTwin(history=[first, again])).verdict is HELD


@pytest.mark.parametrize("answered", [None, "made", [], {}, {"id": None}])
def test_an_answer_without_an_id_names_nothing(answered: object) -> None:
    history = [booking("r1"), booking("r2", answered=answered), booking("r3", answered=answered)]
    result = judged(UniqueIds(), FabricatedTwin(history=history))
    assert (result.verdict, result.looked) == (HELD, 1)


def test_an_id_may_be_anything() -> None:
    history = [booking("r1", answered={"id": [1]}), booking("r2", answered={"id": [1]})]
    assert judged(UniqueIds(), FabricatedTwin(history=history)).verdict is BROKEN


# -- I9 exactly once


@pytest.mark.parametrize(
    ("history", "left"),
    [
        ([booking("r1")] * 2, {"bookings": [booking_row(2, "r1"), booking_row(3, "r1")]}),
        (
            [booking("r1")] * 2,
            {"bookings": [booking_row(2, "r1")], "charges": [charge_row(1, "r1"), charge_row(2, "r1")]},
        ),
        ([booking("r1")], {"bookings": [booking_row(2, "r1")]}),
        ([booking("r1")], {"charges": [charge_row(1, "r1")]}),
        ([booking("r1"), booking("r1", answered={"id": 9})],
         {"bookings": [booking_row(2, "r1")], "charges": [charge_row(1, "r1")]}),
    ],
    ids=["two rows", "charged twice", "not charged", "no row", "two answers"],
)  # fmt: skip
def test_a_wrong_count_of_effects_is_found(history: list[object], left: dict[str, Any]) -> None:
    result = judged(ExactlyOnce(), FabricatedTwin(history=history, final=ended(**left)))
    assert (result.verdict, result.value) == (BROKEN, 1)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(OF_A_WRITE), min_size=1, max_size=4),
    st.integers(0, 2),
)
def test_how_many_effects_one_intent_may_have(outcomes: list[Outcome], rows: int) -> None:
    history = [transfer("known"), *(transfer("t1", outcome) for outcome in outcomes)]
    row = {"from_wallet_id": 1, "to_wallet_id": 2, "amount_cents": 100}
    left = [{"id": n, "reference": "t1", **row} for n in range(rows)] + [
        {"id": 9, "reference": "known", **row}
    ]
    allowed = {1} if Outcome.OK in outcomes else {0, 1} if Outcome.UNKNOWN in outcomes else {0}
    result = judged(ExactlyOnce(), FabricatedTwin(history=history, final=ended(transfers=left)))
    assert result.verdict is (HELD if rows in allowed else BROKEN)


# -- I12 clean end state


@pytest.mark.parametrize(
    "left",
    [
        {
            "activity": [
                {
                    "pid": 7,
                    "state": "idle in transaction",
                    "xact_age_s": 3.2,
                    "wait_event_type": None,
                    "query": "UPDATE",
                }
            ]
        },
        {
            "activity": [
                {
                    "pid": 7,
                    "state": "active",
                    "xact_age_s": None,
                    "wait_event_type": "Lock",
                    "query": "UPDATE",
                }
            ]
        },
        {"locks": [{"pid": 7, "mode": "ShareLock", "relation": "wallets"}]},
        {"bookings": [booking_row(2, "r1", status="pending", created_at="2026-11-21T07:58:00+00:00")]},
    ],
    ids=["idle in transaction", "still at work", "waiting for a lock", "forgotten"],
)
def test_what_is_left_open_is_found(left: dict[str, Any]) -> None:
    result = judged(CleanEndState(), FabricatedTwin(final=ended(**left)))
    assert (result.verdict, result.value) == (BROKEN, 1)


def test_a_reservation_that_will_lapse_is_clean() -> None:
    young = booking_row(2, "r1", status="pending", created_at="2026-11-21T08:00:55+00:00")
    assert judged(CleanEndState(), FabricatedTwin(final=ended(bookings=[young]))).verdict is HELD


def test_what_the_seed_left_shows_nothing_about_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand seeded bookings were once enough to call a twin clean of which nothing else was there."""
    monkeypatch.setattr(wording, "LOOKED_MIN", 3)
    seeded = [booking_row(n, None) for n in range(10, 20)]
    idle = {"pid": 7, "state": "idle", "xact_age_s": None, "wait_event_type": "Client", "query": "COMMIT"}
    few = judged(CleanEndState(), FabricatedTwin(final=ended(bookings=seeded, activity=[idle])))
    assert (few.verdict, few.looked) == (INCONCLUSIVE, 1)
    caused = [booking_row(n, f"r{n}") for n in (30, 31)]
    enough = judged(CleanEndState(), FabricatedTwin(final=ended(bookings=caused, activity=[idle])))
    assert (enough.verdict, enough.looked) == (HELD, 3)
    forgotten = [booking_row(9, None, status="pending")]
    assert judged(CleanEndState(), FabricatedTwin(final=ended(bookings=forgotten))).verdict is BROKEN


@pytest.mark.parametrize("state", ["idle in transaction", "active"])
def test_background_work_that_takes_milliseconds_is_clean(state: str) -> None:
    sweeping = {"pid": 7, "state": state, "xact_age_s": 0.048, "wait_event_type": None, "query": "SELECT"}
    assert judged(CleanEndState(), FabricatedTwin(final=ended(activity=[sweeping]))).verdict is HELD


def test_idle_sessions_of_a_pool_are_clean() -> None:
    idle = {"pid": 7, "state": "idle", "xact_age_s": None, "wait_event_type": "Client", "query": "COMMIT"}
    assert judged(CleanEndState(), FabricatedTwin(final=ended(activity=[idle]))).verdict is HELD


@pytest.mark.parametrize("check", INVARIANTS, ids=lambda c: c.invariant)
def test_of_too_few_things_nothing_is_held(check: type[Check], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each on its right histories, with a minimum of one more than they have: and with as many as they have."""
    for one, twin in RIGHT:
        if type(one) is check and check is not NoDeadlocks:  # which needs crossings, and says how many
            looked = judged(one, twin).looked
            assert looked
            monkeypatch.setattr(wording, "LOOKED_MIN", looked + 1)
            few = judged(one, twin)
            assert (few.verdict, few.looked) == (INCONCLUSIVE, looked)
            assert f"at least {looked + 1} are needed" in few.sentence
            monkeypatch.setattr(wording, "LOOKED_MIN", 1)


DOUBT = Outcome.UNKNOWN
NOTHING_ACKNOWLEDGED = [
    (NoLostAcks(), [booking("r1"), transfer("t1", DOUBT)], {}),
    (NoPhantoms(), [booking("r1", DOUBT)], {"bookings": [booking_row(2, "nobody")]}),
    (RefusedMeansRefused(), [REFUSED], {"bookings": [booking_row(2, "r2")]}),
    (NoDoubleBooking(), [booking("r1", DOUBT)], {"bookings": [booking_row(2, "r1"), booking_row(3, "r2")]}),
    (ExactlyOnce(), [transfer("t1", DOUBT), booking("r1")], {}),
    (UniqueIds(), [booking("r1"), booking("r2"), transfer("t1", DOUBT)], {}),
]


@pytest.mark.parametrize(
    ("check", "history", "left"), NOTHING_ACKNOWLEDGED, ids=lambda value: getattr(value, "invariant", "")
)
def test_what_is_wrong_is_wrong_whatever_was_not_acknowledged(
    check: Check, history: list[Operation], left: dict[str, Any]
) -> None:
    """One kind without an acknowledgement once hid the lost writes of another."""
    assert judged(check, FabricatedTwin(history=history, final=ended(**left))).verdict is BROKEN


def test_so_is_lost_money_and_a_torn_pair() -> None:
    in_doubt = [transfer("t1", DOUBT)]
    assert (
        judged(Conservation(), FabricatedTwin(history=in_doubt, final=transferred(rows=1))).verdict is BROKEN
    )
    unknown = FabricatedTwin(history=[update("p2", DOUBT)], final=profile(2))
    assert judged(AtomicPair(), unknown).verdict is BROKEN


def test_so_is_what_is_left_open_where_nobody_asked() -> None:
    waiting = {"pid": 7, "mode": "ShareLock", "relation": "wallets"}
    nobody = FabricatedTwin(requests=requests(0, 0), final=ended(locks=[waiting]))
    assert judged(CleanEndState(), nobody).verdict is BROKEN


def test_what_is_wrong_is_wrong_among_however_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wording, "LOOKED_MIN", 99)
    assert judged(NoLostAcks(), FabricatedTwin(history=[booking("r1")])).verdict is BROKEN


def test_a_pending_row_is_no_booking() -> None:
    """Acknowledged and pending is lost; in doubt and pending is fine; refused and pending is an effect."""
    final = ended(bookings=[booking_row(2, "r1", status="pending")])
    assert judged(NoLostAcks(), FabricatedTwin(history=[booking("r1")], final=final)).verdict is BROKEN
    both = ended(
        bookings=[booking_row(2, "r1"), booking_row(3, "r1", status="pending")], charges=[charge_row(1, "r1")]
    )
    assert judged(ExactlyOnce(), FabricatedTwin(history=[booking("r1")], final=both)).verdict is HELD
    told = [booking("r0"), booking("r1", Outcome.REFUSED)]
    assert judged(RefusedMeansRefused(), FabricatedTwin(history=told, final=final)).verdict is BROKEN


def test_examples_are_capped_to_first_middle_and_last() -> None:
    history = [booking(f"r{n}") for n in range(9)]
    result = judged(NoLostAcks(), FabricatedTwin(history=history, final=ended()))
    assert [example.split()[1] for example in result.examples] == ["r0", "r4", "r8"]
    assert result.value == 9
