"""Owner checks: a user sees and changes only what is theirs; being somebody is not being allowed.

Guards against the commonest hole of all APIs (OWASP API1, broken object level authorization): the token is genuine, so
the request is answered, and whoever counts the number in the path up reads or cancels everybody's bookings.
Costs one comparison for each thing shown or changed, in every route that there will ever be.
Hurts alone where it asks the database a second time for the owner; here the owner comes with the row.
Awaits nothing yet: no scenario of the catalogue asks for what belongs to another. S12 could.
"""

from flask import g

from services.common.problems import Problem
from services.defences.switch import on


def require(user_id: int) -> None:
    """Refuse with 403 whoever may not act for this user."""
    if on("owner_checks") and not g.caller.may_act_for(user_id):
        raise Problem(403, "it belongs to somebody else", reason="not_yours")


def require_operator() -> None:
    """Refuse with 403 whoever is not an operator."""
    if on("owner_checks") and not g.caller.operator:
        raise Problem(403, "for operators only", reason="operators_only")
