"""Profiles. Every version of a profile also has its row in the audit trail."""

from flask import Blueprint, jsonify
from sqlalchemy import update

from services.common.fields import a_text, fields
from services.common.models import Audit, Profile
from services.common.problems import not_found
from services.defences import idempotency, one_transaction, transaction_retry
from services.defences.switch import switchable
from services.hardened.db import session

routes = Blueprint("profiles", __name__)


@routes.put("/users/<int:user_id>/profile/")
def put_profile(user_id):
    wanted = fields(display_name=a_text(80), bio=a_text(1_000, shortest=0), reference=a_text(64))
    return jsonify(save(user_id, wanted))


@switchable
@transaction_retry.retried
@idempotency.once
def save(user_id, wanted):
    """The profile as it is now, after writing it and its audit row."""
    # Both rows or neither: a connection can die between two commits, in either order.
    with one_transaction.begin(session()) as db:
        # The database counts, so that two who read the same version do not both write the next one.
        counted = (
            update(Profile).where(Profile.user_id == user_id).values(**wanted, version=Profile.version + 1)
        )
        profile = db.scalar(counted.returning(Profile))
        if profile is None:
            raise not_found("such user")
        db.add(Audit(user_id=user_id, version=profile.version, **wanted))
        db.flush()
        return profile.to_dict()
