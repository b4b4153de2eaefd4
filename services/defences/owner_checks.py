"""Owner checks: users see and change only what is theirs. A valid token says who you are, not what you may do.

Guards against the most common hole in APIs (OWASP API1, broken object level authorization): the token is genuine, so
the request is answered, and anybody who tries one id after the other can read or cancel everybody's bookings.
Costs one comparison for each thing shown or changed, in every route there will ever be.
Hurts alone if it asks the database again for the owner; here the owner comes with the row.
Awaits nothing yet: no scenario of the catalogue asks for what belongs to somebody else. S12 could.
"""

from flask import g

from services.common.problems import Problem
from services.defences.switch import on


def require(user_id: int) -> None:
    """Refuse with 403 a caller who may not act for this user."""
    if on("owner_checks") and not g.caller.may_act_for(user_id):
        raise Problem(403, "it belongs to somebody else", reason="not_yours")


def require_operator() -> None:
    """Refuse with 403 a caller who is not an operator."""
    if on("owner_checks") and not g.caller.operator:
        raise Problem(403, "for operators only", reason="operators_only")
