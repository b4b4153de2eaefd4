"""Which defences there are, and what a choice among them says. It needs no Flask: the seed reads a choice, too."""

import difflib
import sys

NAMES = (
    "batched_reads",
    "bulkhead",
    "circuit_breaker",
    "connection_pool",
    "constraints",
    "deadline",
    "durable_state",
    "graceful_shutdown",
    "honest_errors",
    "http_retry",
    "idempotency",
    "indexes",
    "input_validation",
    "keyset_pagination",
    "lock_order",
    "one_round_trip_reads",
    "one_transaction",
    "optimistic_locking",
    "owner_checks",
    "readiness",
    "saga",
    "server_timeouts",
    "transaction_retry",
)


def parse(text: str) -> frozenset[str]:
    """The names that are on for "all", "none", "all,-deadline", "none,+deadline,+bulkhead" or "" (all).

    Raises ValueError, which lists the known names, on anything else.
    """
    first, *changes = [word.strip() for word in (text or "all").split(",")]
    if first not in ("all", "none"):
        raise ValueError(f'{text!r}: start with "all" or "none", as in "all,-deadline" or "none,+deadline"')
    names = set(NAMES if first == "all" else ())
    for change in changes:
        sign, name = change[:1], change[1:]
        if sign not in ("+", "-"):
            raise ValueError(f"{text!r}: {change!r} must begin with + or -, as in all,-deadline")
        known(name)
        (names.add if sign == "+" else names.discard)(name)
    return frozenset(names)


def known(name: str) -> str:
    """Returns `name`; raises ValueError if there is no such defence."""
    if name not in NAMES:
        near = "".join(f"Did you mean {one}? " for one in difflib.get_close_matches(name, NAMES, n=1))
        raise ValueError(f"There is no defence called {name!r}. {near}Choose from {', '.join(NAMES)}")
    return name


if __name__ == "__main__":  # `python -m services.defences.choice all,-deadline`: is that a valid choice?
    try:
        parse(sys.argv[1])
    except ValueError as error:
        sys.exit(str(error))
