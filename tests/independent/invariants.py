"""Checks of history and data: (verdict, number of violations) of each.

Written against the list of invariants (I1 … I16), from the rows up, and not along the lines of lab/checks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from tests.independent.folder import OK, REFUSED, UNKNOWN, Row, Run, Twin
from tests.independent.slos import NOTHING, Found, decided

KIND = {"/bookings/": "bookings", "/transfers/": "transfers", "/holds/": "holds"}
FEWEST_THINGS = 5
SETTLED_AFTER_S = 10
Wish = list[Row]  # all requests for one thing, under one reference
Books = dict[tuple[str, str], Wish]


def wishes(twin: Twin) -> Books:
    """By (table, reference), the requests to write."""
    found: Books = defaultdict(list)
    for answer in twin.history:
        path, body = answer["arrival"]["path"], answer["arrival"].get("body") or {}
        table = "profiles" if path.endswith("/profile/") else KIND.get(path)
        if table and body.get("reference") is not None:
            found[table, body["reference"]].append(answer)
    return found


def body(wish: Wish) -> Row:
    asked: Row = wish[0]["arrival"]["body"]
    return asked


def cancelled(twin: Twin, wish: Wish) -> int | None:
    """How the cancellation of what was wished ended; None if there was none."""
    first = wish[0]["arrival"]["i"]
    for answer in twin.history:
        if answer["arrival"]["op"] == "cancel_booking" and answer["arrival"]["reads"] == first:
            return int(answer["outcome"])
    return None


def seen_version(twin: Twin, wish: Wish) -> int | None:
    """The version of the profile that was opened before it was saved."""
    for answer in twin.history:
        if answer["arrival"]["i"] == wish[0]["arrival"].get("reads"):
            return int(answer["answered"]["version"])
    return None


def opened_s(twin: Twin, answer: Row) -> float:
    """When the profile was opened that this request saves."""
    for other in twin.history:
        if other["arrival"]["i"] == answer["arrival"].get("reads"):
            return float(other["arrival"]["at_s"])
    return float("-inf")


def user(wish: Wish) -> int:
    return int(wish[0]["arrival"]["path"].split("/")[2])


def acknowledged(wish: Wish) -> bool:
    return any(answer["outcome"] == OK for answer in wish)


def refused(wish: Wish) -> bool:
    return all(answer["outcome"] == REFUSED for answer in wish)


def judged(count: int, looked: int, known: bool = True) -> Found:
    """None wrong of fewer than five says nothing, nor where it is not `known` what there should be."""
    told = known and looked >= FEWEST_THINGS
    return decided(not count, count) if count or told else NOTHING


def rows(
    twin: Twin, table: str, reference: str, but: tuple[str, ...] = ("cancelled", "pending")
) -> list[Row]:
    """What is left of a wish in `table`, bookings that are none (any more) and refunded charges aside."""
    return [
        row
        for row in twin.final[table]
        if row["reference"] == reference
        and row.get("status") not in but
        and not ("amount_cents" in row and row.get("refunded_cents", 0) >= row["amount_cents"])
    ]


def left(twin: Twin, table: str, reference: str, but: tuple[str, ...] = ("cancelled", "pending")) -> int:
    if table == "profiles":  # the newest version in the profile, all in the audit: either tells of it
        return int(
            any(row["reference"] == reference for name in (table, "audit") for row in twin.final[name])
        )
    return len(rows(twin, table, reference, but))


def unsettled(twin: Twin) -> set[str]:
    """Charges whose booking may still be confirmed or undone, or be refunded: one for each that is young enough.

    Pending is none of these where the client was told that it is booked.
    """
    of_this_run = [row for row in twin.final["bookings"] if row["reference"] is not None]
    confirmed = {str(row["charge_id"]) for row in of_this_run if row["status"] == "confirmed"}
    told = {reference for (table, reference), wish in wishes(twin).items() if acknowledged(wish)}
    kept: dict[str, list[str]] = defaultdict(list)
    for charge in twin.final["charges"]:
        if charge["amount_cents"] > charge.get("refunded_cents", 0) and str(charge["id"]) not in confirmed:
            kept[charge["reference"]].append(str(charge["id"]))
    found: set[str] = set()
    for row in of_this_run:
        settling = row["status"] == "cancelled" or (
            row["status"] == "pending" and row["reference"] not in told
        )
        if settling and age_s(twin, row) <= SETTLED_AFTER_S and kept[row["reference"]]:
            found.add(kept[row["reference"]].pop(0))
    return found


def charged(twin: Twin, reference: str, open_charges: set[str]) -> list[Row]:
    return [row for row in rows(twin, "charges", reference) if str(row["id"]) not in open_charges]


def age_s(twin: Twin, row: Row) -> float:
    return (at(twin.final["clock"][0]["now"]) - at(row["created_at"])).total_seconds()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def none_acknowledged(books: Books) -> bool:
    """Of one of the kinds that were asked for, nothing was acknowledged."""
    kinds = {table for table, _ in books}
    return not kinds or kinds != {table for (table, _), wish in books.items() if acknowledged(wish)}


def no_lost_acks(_run: Run, twin: Twin, _check: Row) -> Found:
    books = wishes(twin)
    due = [key for key, wish in books.items() if acknowledged(wish) and kept(twin, wish)]
    lost = sum(not left(twin, *key) for key in due)
    return judged(lost, len(due), known=not none_acknowledged(books))


def kept(twin: Twin, wish: Wish) -> bool:
    """Not cancelled again, for all that its client knows."""
    return cancelled(twin, wish) not in (OK, UNKNOWN)


def no_lost_update(_run: Run, twin: Twin, _check: Row) -> Found:
    """Of those who opened the same version of a profile, only one may have saved it, as the next version."""
    saves = [wish for (table, _), wish in wishes(twin).items() if table == "profiles"]
    too_late = lost = 0
    winners: set[tuple[int, int]] = set()
    for wish in saves:
        seen = seen_version(twin, wish)
        if seen is None:
            continue
        too_late += sum(answer["status"] == 412 for answer in wish)
        told = [answer["answered"]["version"] for answer in wish if answer["outcome"] == OK]
        if told:
            lost += told[0] != seen + 1 or (user(wish), seen) in winners
            winners |= {(user(wish), seen)} if told[0] == seen + 1 else set()
    return judged(lost, too_late + lost)


def no_phantoms(_run: Run, twin: Twin, _check: Row) -> Found:
    books = wishes(twin)
    causes = {"charges": "bookings", "audit": "profiles"}
    count = 0
    for table in ("bookings", "charges", "transfers", "holds", "profiles", "audit"):
        name = "user_id" if table == "profiles" else "id"
        before = {row[name] for row in twin.initial[table]}
        for row in twin.final[table]:
            wished = (causes.get(table, table), row["reference"]) in books
            seeded = row["reference"] is None and row[name] in before
            count += not wished and not seeded
    return judged(count, len(books), known=any(map(acknowledged, books.values())))


def refused_means_refused(_run: Run, twin: Twin, _check: Row) -> Found:
    books, open_charges = wishes(twin), unsettled(twin)
    count = 0
    for (table, reference), wish in books.items():
        paid = table == "bookings" and charged(twin, reference, open_charges)
        count += refused(wish) and bool(left(twin, table, reference, ("cancelled",)) or paid)
    return judged(count, len(books), known=any(map(acknowledged, books.values())))


def exactly_once(_run: Run, twin: Twin, _check: Row) -> Found:
    books = {key: wish for key, wish in wishes(twin).items() if key[0] != "profiles"}
    count, open_charges = 0, unsettled(twin)
    for (table, reference), wish in books.items():
        allowed = {1} if acknowledged(wish) else {0} if refused(wish) else {0, 1}
        if (undone := cancelled(twin, wish)) in (OK, UNKNOWN):
            allowed = {0} if undone == OK else allowed | {0}
        effects = {len(rows(twin, table, reference))}
        if table == "bookings":
            effects.add(len(charged(twin, reference, open_charges)))
        names = {str(answer["answered"].get("id")) for answer in wish if answer["outcome"] == OK}
        count += not effects <= allowed or len(names) > 1
    return judged(count, len(books), known=not none_acknowledged(books))


def no_double_booking(_run: Run, twin: Twin, _check: Row) -> Found:
    acked = [(ref, w) for (table, ref), w in wishes(twin).items() if table == "bookings" and acknowledged(w)]
    known = {
        row["reference"] for row in twin.final["bookings"] if row["status"] in ("confirmed", "cancelled")
    }
    there = [row for row in twin.final["bookings"] if row["status"] == "confirmed"]
    there += [body(wish) for reference, wish in acked if reference not in known]  # promised, and gone since
    by_room: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    for row in there:
        by_room[row["room_id"]].append((at(row["starts_at"]), at(row["ends_at"])))
    count = 0
    for slots in by_room.values():
        slots.sort()
        until = slots[0][1]
        for starts, ends in slots[1:]:
            count += starts < until
            until = max(until, ends)
    return judged(count, len(acked), known=bool(acked))


def conservation(_run: Run, twin: Twin, _check: Row) -> Found:
    acked = sum(acknowledged(wish) for (table, _), wish in wishes(twin).items() if table == "transfers")
    before = {row["id"]: row["balance_cents"] for row in twin.initial["wallets"]}
    after = {row["id"]: row["balance_cents"] for row in twin.final["wallets"]}
    old = {row["id"] for row in twin.initial["ledger"]}
    moved: dict[int, int] = defaultdict(int)
    told: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in twin.final["ledger"]:
        told[row["transfer_id"]][row["wallet_id"]] += row["delta_cents"]
        if row["id"] not in old:
            moved[row["wallet_id"]] += row["delta_cents"]
    count = int(sum(before.values()) != sum(after.values()))
    for wallet, cents in after.items():
        moves = [
            row["delta_cents"]
            for row in twin.final["ledger"]
            if row["wallet_id"] == wallet and row["id"] not in old
        ]
        count += cents < 0
        count += cents != before.get(wallet, 0) + sum(moves)
    for transfer in twin.final["transfers"]:
        cents = transfer["amount_cents"]
        count += told[transfer["id"]] != {transfer["from_wallet_id"]: -cents, transfer["to_wallet_id"]: cents}
    return judged(count, acked, known=acked > 0)


def atomic_pair(_run: Run, twin: Twin, _check: Row) -> Found:
    """Each version is in the audit exactly once, with the same words as in the profile."""
    known = any(acknowledged(wish) for (table, _), wish in wishes(twin).items() if table == "profiles")
    first = {row["user_id"]: row["version"] for row in twin.initial["profiles"]}
    old = {row["id"] for row in twin.initial["audit"]}
    seen: dict[tuple[int, int], int] = defaultdict(int)
    for row in twin.final["audit"]:
        seen[row["user_id"], row["version"]] += row["id"] not in old
    had = {
        (row["user_id"], version)
        for row in twin.final["profiles"]
        for version in range(first.get(row["user_id"], 0) + 1, row["version"] + 1)
    }
    count = sum(seen[key] != (key in had) for key in had | set(seen))
    newest = {(row["user_id"], row["version"]): row for row in twin.final["audit"]}
    for profile in twin.final["profiles"]:
        audit = newest.get((profile["user_id"], profile["version"]), profile)
        count += any(audit[name] != profile[name] for name in ("display_name", "bio", "reference"))
    return judged(count, len(had), known)


def charges_match(_run: Run, twin: Twin, _check: Row) -> Found:
    charges = {str(row["id"]): row for row in twin.final["charges"]}
    paid = [
        row for row in twin.final["bookings"] if row["reference"] is not None and row["status"] == "confirmed"
    ]
    kept = {name: row["amount_cents"] - row.get("refunded_cents", 0) for name, row in charges.items()}
    count = sum(kept.get(str(row["charge_id"])) != row["price_cents"] for row in paid)
    for name in set(charges) - unsettled(twin):
        payers = sum(str(row["charge_id"]) == name for row in paid)
        count += payers > 1 or (not payers and bool(kept[name]))
    return judged(count, len(paid))  # nothing kept and nothing confirmed is nothing to look at


def clean_end_state(_run: Run, twin: Twin, check: Row) -> Found:
    count = len(twin.final["locks"])
    for session in twin.final["activity"]:
        state, open_s = session["state"] or "", session["xact_age_s"]
        busy = state == "active" or state.startswith("idle in transaction")
        count += busy and (open_s is None or open_s > check["open_at_most_s"])
    for row in twin.final["bookings"]:
        count += row["status"] == "pending" and age_s(twin, row) > check["pending_at_most_s"]
    of_this_run = [row for row in twin.final["bookings"] if row["reference"] is not None]
    return judged(count, len(twin.final["activity"]) + len(of_this_run), known=bool(twin.requests))


def stored_as_asked(_run: Run, twin: Twin, _check: Row) -> Found:
    books, looked, count = wishes(twin), 0, 0
    prices = {room["id"]: room["hourly_price_cents"] for room in twin.initial.get("rooms", [])}
    for (table, reference), wish in books.items():
        stored = "audit" if table == "profiles" else table
        there = [row for row in twin.final[stored] if row["reference"] == reference]
        looked += bool(there)
        wanted = contents(table, wish, prices)
        count += sum(
            differs(row, wanted) or any(differs(row, told) for told in tellings(wish, row)) for row in there
        )
        names = {row["id"] for row in there if "id" in row}
        told = [each["answered"] for each in wish if each["outcome"] == OK]
        count += sum(
            "id" in each and each["id"] not in names for each in told if isinstance(each, dict)
        ) * bool(there)
    return judged(count, looked) if looked else NOTHING


def contents(table: str, wish: Wish, prices: dict[int, int]) -> Row:
    """What a row must say."""
    wanted = {name: value for name, value in body(wish).items() if name != "reference"}
    if table == "profiles":
        wanted["user_id"] = user(wish)
    if table == "bookings" and wanted["room_id"] in prices:
        hours = (at(wanted["ends_at"]) - at(wanted["starts_at"])).total_seconds() / 3600
        wanted["price_cents"] = prices[wanted["room_id"]] * hours
    return wanted


def tellings(wish: Wish, row: Row) -> list[Row]:
    """The acknowledgements that speak of this row."""
    told = [each["answered"] for each in wish if each["outcome"] == OK and isinstance(each["answered"], dict)]
    return [each for each in told if each.get("id", row.get("id")) == row.get("id")]


def differs(row: Row, wanted: Row) -> bool:
    return any(not same(name, value, row[name]) for name, value in wanted.items() if name in row)


def same(name: str, one: Any, other: Any) -> bool:
    if name == "status":  # acknowledged as confirmed, and cancelled since
        return True
    if name in ("starts_at", "ends_at", "created_at") and isinstance(one, str) and isinstance(other, str):
        return at(one) == at(other)
    return bool(one == other)


def justified_refusals(_run: Run, twin: Twin, _check: Row) -> Found:
    books = wishes(twin)
    final = [
        (key, wish, answer)
        for key, wish in books.items()
        for answer in wish
        if answer["outcome"] == REFUSED
        and 400 <= answer["status"] < 500
        and answer["status"] not in (408, 425, 429)
    ]
    writes = {answer["arrival"]["op"] for wish in books.values() for answer in wish}
    reads = [
        request
        for request in twin.requests
        if 400 <= request.status < 500 and request.status not in (408, 425, 429) and request.op not in writes
    ]
    if not final and not reads and not any(map(acknowledged, books.values())):
        return NOTHING
    count = sum(not justified(key, wish, answer, books, twin) for key, wish, answer in final)
    return judged(count + len(reads), len(books) + len(reads))


def justified(key: tuple[str, str], wish: Wish, answer: Row, books: Books, twin: Twin) -> bool:
    """A conflict with what may have been done for others, or for itself, or was there before."""
    table = key[0]
    if answer["status"] != 409 and not (answer["status"] == 412 and "reads" in answer["arrival"]):
        return False
    if not refused(wish):
        return True
    others = [
        other
        for (kind, _), other in books.items()
        if kind == table
        and not refused(other)
        and min(each["arrival"]["at_s"] for each in other) <= answer["end_s"]
    ]
    if table == "profiles":
        since_s = opened_s(twin, answer)
        return any(user(other) == user(wish) and until_s(other) >= since_s for other in others)
    if table == "transfers":
        giver = body(wish)["from_wallet_id"]
        had = sum(row["balance_cents"] for row in twin.initial["wallets"] if row["id"] == giver)
        spent = sum(body(each)["amount_cents"] for each in others if body(each)["from_wallet_id"] == giver)
        return bool(had - spent < body(wish)["amount_cents"])
    slots = [*map(body, others), *twin.initial[table]]
    return any(in_one_hour(body(wish), slot) for slot in slots)


def until_s(wish: Wish) -> float:
    """Until when it may have taken effect."""
    return max(answer["end_s"] for answer in wish) if acknowledged(wish) else float("inf")


def in_one_hour(one: Row, other: Row) -> bool:
    """Two slots of a room that touch the same hour of the clock."""
    if one["room_id"] != other["room_id"]:
        return False
    (first, until), (second, end) = map(hours, (one, other))
    return first < end and second < until


def hours(slot: Row) -> tuple[int, int]:
    start, end = (at(slot[name]).timestamp() for name in ("starts_at", "ends_at"))
    return int(start // 3600), int(-(-end // 3600))


def no_deadlocks(run: Run, twin: Twin, check: Row) -> Found:
    counts = [int(state["counters"][0]["deadlocks"]) for state in (twin.initial, twin.final)]
    deadlocks, crossings = counts[1] - counts[0], crossed(run, twin, check["phase"])
    if deadlocks < 0 or (not deadlocks and crossings < check["at_least"]):
        return NOTHING
    return decided(not deadlocks, deadlocks)


def crossed(run: Run, twin: Twin, phase: str) -> int:
    """How often a transfer was under way when the next one between the same two wallets went the other way."""
    start_s, end_s = run.window(phase)
    between: dict[tuple[int, ...], list[Wish]] = defaultdict(list)
    for (table, _), wish in wishes(twin).items():
        if table == "transfers" and not refused(wish) and start_s <= wish[0]["arrival"]["at_s"] < end_s:
            between[tuple(sorted(way(wish)))].append(wish)
    count = 0
    for same_two in between.values():
        same_two.sort(key=lambda wish: float(wish[0]["arrival"]["at_s"]))
        for one, other in pairwise(same_two):
            opposite = way(one) == way(other)[::-1]
            count += opposite and other[0]["arrival"]["at_s"] < one[-1]["end_s"]
    return count


def unique_ids(_run: Run, twin: Twin, _check: Row) -> Found:
    books = {key: wish for key, wish in wishes(twin).items() if key[0] != "profiles"}
    references: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (table, reference), wish in books.items():
        for answer in wish:
            told = answer["answered"]
            if answer["outcome"] == OK and isinstance(told, dict) and told.get("id") is not None:
                references[table, str(told["id"])].add(reference)
    twice = sum(len(names) - 1 for names in references.values())
    return judged(twice, len(references), known=not none_acknowledged(books))


def way(wish: Wish) -> tuple[int, int]:
    return body(wish)["from_wallet_id"], body(wish)["to_wallet_id"]


INVARIANTS: dict[str, Callable[[Run, Twin, Row], Found]] = {
    "AtomicPair": atomic_pair,
    "ChargesMatch": charges_match,
    "CleanEndState": clean_end_state,
    "Conservation": conservation,
    "ExactlyOnce": exactly_once,
    "JustifiedRefusals": justified_refusals,
    "NoDeadlocks": no_deadlocks,
    "NoDoubleBooking": no_double_booking,
    "NoLostAcks": no_lost_acks,
    "NoLostUpdate": no_lost_update,
    "NoPhantoms": no_phantoms,
    "RefusedMeansRefused": refused_means_refused,
    "StoredAsAsked": stored_as_asked,
    "UniqueIds": unique_ids,
}
