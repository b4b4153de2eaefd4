"""Profiles. Every version of a profile also has its row in the audit trail."""

from flask import Blueprint, jsonify
from sqlalchemy import update

from services.common.models import Audit, Profile
from services.common.problems import not_found
from services.defences import (
    idempotency,
    one_transaction,
    optimistic_locking,
    owner_checks,
    transaction_retry,
)
from services.defences.switch import switchable
from services.hardened import inputs
from services.hardened.db import session

routes = Blueprint("profiles", __name__)


@routes.get("/users/<int:user_id>/profile/")
def get_profile(user_id):
    owner_checks.require(user_id)
    profile = session().get(Profile, user_id)
    if profile is None:
        raise not_found("such user")
    return jsonify(profile.to_dict()), optimistic_locking.etag(profile.version)


@routes.put("/users/<int:user_id>/profile/")
def put_profile(user_id):
    owner_checks.require(user_id)
    profile = save(user_id, inputs.profile())
    return jsonify(profile), optimistic_locking.etag(profile["version"])


@switchable
@transaction_retry.retried
@idempotency.once
def save(user_id, wanted):
    """Write the profile and its audit row; return the profile as it is now."""
    # Both rows or neither: a connection can die between two commits, in either order.
    with one_transaction.begin(session()) as db:
        # The database counts, so that two requests that read the same version do not both write the next one.
        seen = update(Profile).where(Profile.user_id == user_id, optimistic_locking.as_seen(Profile.version))
        counted = seen.values(**wanted, version=Profile.version + 1)
        profile = db.scalar(counted.returning(Profile))
        if profile is None:
            raise optimistic_locking.changed() if db.get(Profile, user_id) else not_found("such user")
        db.add(Audit(user_id=user_id, version=profile.version, **wanted))
        db.flush()
        return profile.to_dict()
