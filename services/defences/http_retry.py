"""HTTP retry: ask another service again after a brief outage. Only for calls that carry a key.

Guards against blips: a reset, a refused connection, a 503 while the other side restarts, a pooled connection that died
without a sign. The first try has its own timeout (FIRST_TRY_S, or twice the slowest recent answer), so that it cannot
use up all the time; later tries open a new connection and have whatever time is left.
Costs up to ATTEMPTS_MAX times the load on a service that is already in trouble. Hence backoff with jitter, or the pause
for which Retry-After asks; none outlasts the deadline, and all calls share one retry budget.
Hurts alone when the call is not idempotent: the answer was lost, the charge was not, and the customer pays twice.
Awaits S36: a third party that answers 429 and says when to try again.
"""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import stamina

from services.common import metrics
from services.defences import deadline, deadline_http
from services.defences.deadline import left_s
from services.defences.http_failures import SILENT, retry_after_s, rule_of
from services.defences.switch import on, state
from services.defences.transaction_retry import Budget

ATTEMPTS_MAX = 3
PAUSE_S = 0.05  # doubled with each attempt, plus a random jitter of up to PAUSE_S
PAUSE_MAX_S = 0.2
FIRST_TRY_S = 0.25  # at least; more if the service is known to be slow
FORGET = 0.8  # the share of the slowest time so far that remains after each answer


def retried(call: Callable) -> Callable:
    """Decorator for a function that makes one HTTP call with a key, so that repeating it has no further effect."""

    @functools.wraps(call)
    def patient(*args, **kwargs):
        if not on("http_retry"):
            return call(*args, **kwargs)
        budget, patience = state("http_retry", Budget), state("http_retry:patience", Patience)
        budget.deposit()
        number = 0

        def worth_it(error: Exception) -> bool | float:
            return (
                number < ATTEMPTS_MAX
                and _in_time(error)
                and budget.withdraw()
                and (retry_after_s(error) or True)
            )

        attempts = stamina.retry_context(
            on=worth_it,
            attempts=ATTEMPTS_MAX,
            timeout=None,  # the deadline is the limit, in _in_time
            wait_initial=PAUSE_S,
            wait_max=PAUSE_MAX_S,
            wait_jitter=PAUSE_S,
        )
        for attempt in attempts:
            number = attempt.num
            with attempt, _one_try(number, patience):
                return call(*args, **kwargs)
        raise AssertionError("unreachable: the last attempt returns or raises")

    return patient


class Patience:
    """How long the first try may take: long enough for a service that is just slow."""

    def __init__(self) -> None:
        self._slowest_s = 0.0

    @property
    def first_try_s(self) -> float:
        return max(FIRST_TRY_S, 2 * self._slowest_s)

    def answered(self, after_s: float) -> None:
        self._slowest_s = max(after_s, FORGET * self._slowest_s)

    def missed(self, after_s: float) -> None:
        """There was no answer by then: the service may be down or just slow. The next call gets twice that time."""
        self._slowest_s = max(after_s, self._slowest_s)


@contextmanager
def _one_try(number: int, patience: Patience) -> Iterator[None]:
    """The limits of one try, and what we learn from it."""
    began_at = time.monotonic()
    if number > 1:
        metrics.current().retries.labels("http").inc()
    limits = deadline_http.new_connection() if number > 1 else deadline.at_most(patience.first_try_s)
    try:
        with limits:
            yield
    except Exception as error:
        if rule_of(error) is SILENT:
            patience.missed(time.monotonic() - began_at)
        raise
    patience.answered(time.monotonic() - began_at)


def _in_time(error: Exception) -> bool:
    """Whether another try may help and there is still time for it."""
    rule = rule_of(error)
    return rule is not None and rule.retry and left_s() > max(retry_after_s(error), PAUSE_MAX_S)
