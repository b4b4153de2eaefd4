"""The load: what clients ask, how often, and what they must get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.model.outcomes import Outcome

Json = Any  # what json.loads gives: bodies belong to the workload


@dataclass(frozen=True, kw_only=True)
class Load:
    """An open-loop load: arrivals do not wait for answers.

    `mix` weighs the operations of the workload by name. `good_within_ms` is X of the SLI: a request is good when it is
    ok, correct and answered within X of its intended instant. `client_timeout_s` is C: the whole request, connect
    included, is given up then.
    """

    rate_rps: float
    mix: Mapping[str, float]
    good_within_ms: float = 500
    client_timeout_s: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One planned request. `expect` lists top-level members that a right 2xx answer must show (the oracle).

    Its client gives up after `patience_s`, if that is sooner than the load's own time-out. `repeats` is the number of
    the request that this one sends again, which it does only if that was not answered, or told to come again.
    """

    i: int
    at_s: float
    op: str
    method: str
    path: str
    body: Mapping[str, Json] | None = None
    key: str | None = None
    expect: Mapping[str, Json] | None = None
    patience_s: float | None = None
    repeats: int | None = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """An operation with its asked and answered content, for invariants: the history of one write or versioned read."""

    i: int
    op: str
    at_s: float
    end_s: float
    outcome: Outcome
    status: int
    asked: Mapping[str, Json]
    key: str | None
    answered: Json
