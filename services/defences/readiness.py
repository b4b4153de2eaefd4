"""Readiness: /readyz says whether this instance can do its work now: database reachable, circuit closed, not draining.

Guards the clients that a load balancer would otherwise send to an instance that can only answer 503.
Costs one statement per probe. The probe may take as long as a request may: a slow database is not a dead one.
Hurts alone when the dependency is shared: then all instances become not ready at once and the balancer has nowhere to
send requests, so it must keep a minimum in rotation. Being busy is no reason to be not ready, or a load peak would
empty the cluster. /healthz, which decides about restarts, must not look at any dependency at all.
"""

import sqlalchemy as sa
from flask import current_app

from services.defences import graceful_shutdown
from services.defences.circuit_breaker import CircuitOpen
from services.defences.unavailable import is_refusal, reason


def obstacle() -> str:
    """Why this instance cannot do its work now, in one word; "" if it can."""
    if graceful_shutdown.draining():
        return "draining"
    try:
        current_app.extensions["session"]().execute(sa.select(sa.literal(1)))
    except Exception as error:
        why = reason(error)
        if not why:
            raise
        return "" if is_refusal(error) and not isinstance(error, CircuitOpen) else why
    return ""
