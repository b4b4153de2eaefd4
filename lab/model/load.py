"""The load: what clients request, how often, and what they must get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lab.model.outcomes import Outcome

Json = Any  # what json.loads returns; the workload knows the bodies


@dataclass(frozen=True, kw_only=True)
class Load:
    """An open-loop load: arrivals do not wait for answers.

    `mix` gives the weights of the workload's operations. `good_within_ms` is X of the SLI: a request is good if it is
    ok, correct and answered within X of its intended instant. After `client_timeout_s` (C) the client gives up the
    whole request, connect included.
    """

    rate_rps: float
    mix: Mapping[str, float]
    good_within_ms: float = 500
    client_timeout_s: float = 5.0


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One planned request. `expect` lists top-level members that a right 2xx answer must have (the oracle).

    Its client gives up after `patience_s`, if that is sooner than the load's own timeout. `repeats` is the number of
    the request that this one repeats; it is sent only if that one was not answered, or was told to try again.
    `reads` is the number of the request whose answer this one needs: it is sent only if that one was a success, to
    `path` with the id of the answer for `{id}`, and a write names the version of the answer (If-Match), if it has one.
    That one is marked `read_back`. `caller` is the user who sends it; without one, an operator does.
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
    reads: int | None = None
    read_back: bool | None = None
    caller: int | None = None


class Operation(NamedTuple):
    """An operation with its request and its answer, for invariants: the history of one write or versioned read.

    A named tuple, because a long run has a million: making one takes a third of the time of a frozen dataclass.
    """

    i: int
    op: str
    at_s: float
    end_s: float
    outcome: Outcome
    status: int
    asked: Mapping[str, Json]
    key: str | None
    answered: Json
    reads: int | None = None  # the number of the operation whose answer it needed
