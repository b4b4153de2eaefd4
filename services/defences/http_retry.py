"""HTTP retry: ask another service again when it was away for a moment. Only for calls that carry a key.

Guards against the blip: a reset, a refused connection, a 503 while the other side restarts.
Costs up to ATTEMPTS_MAX times the load on a service that is already in trouble; the pauses grow and are jittered, and
never outlast the deadline of the request.
Hurts alone when the call is not idempotent: the answer was lost, the charge was not, and the customer pays twice.
"""

import functools
from collections.abc import Callable

import stamina

from services.common import metrics
from services.defences.deadline import left_s
from services.defences.honest_errors import effect_is_possible
from services.defences.switch import on
from services.defences.unavailable import is_outage

ATTEMPTS_MAX = 3
PAUSE_S = 0.05  # doubled with each attempt, and up to as much again by chance
PAUSE_MAX_S = 0.2


def retried(call: Callable) -> Callable:
    """Decorator of a function that makes one HTTP call with a key, so that repeating it has no further effect."""

    @functools.wraps(call)
    def patient(*args, **kwargs):
        effect_is_possible()
        if not on("http_retry"):
            return call(*args, **kwargs)
        attempts = stamina.retry_context(
            on=lambda error: is_outage(error) and left_s() > PAUSE_MAX_S,
            attempts=ATTEMPTS_MAX,
            timeout=None,  # the deadline is the limit, above
            wait_initial=PAUSE_S,
            wait_max=PAUSE_MAX_S,
            wait_jitter=PAUSE_S,
        )
        for attempt in attempts:
            with attempt:
                if attempt.num > 1:
                    metrics.current().retries.labels("http").inc()
                return call(*args, **kwargs)
        raise AssertionError("unreachable: the last attempt returns or raises")

    return patient
