"""Profiles. Every version of a profile also has its row in the audit trail."""

from flask import Blueprint, jsonify

from services.common.models import Audit, Profile
from services.common.problems import not_found
from services.naive import inputs
from services.naive.db import session

routes = Blueprint("profiles", __name__)


@routes.get("/users/<int:user_id>/profile/")
def get_profile(user_id):
    profile = session().get(Profile, user_id)
    if profile is None:
        raise not_found("such user")
    return jsonify(profile.to_dict())


@routes.put("/users/<int:user_id>/profile/")
def put_profile(user_id):
    return jsonify(save(user_id, inputs.profile()))


def save(user_id, wanted):
    """Write the profile and its audit row; return the profile as it is now."""
    db = session()
    profile = db.get(Profile, user_id)
    if profile is None:
        raise not_found("such user")
    profile.display_name, profile.bio = wanted["display_name"], wanted["bio"]
    profile.reference = wanted["reference"]
    profile.version += 1
    db.commit()
    # The profile first: the audit trail must not contain a version that never existed.
    db.add(Audit(user_id=user_id, version=profile.version, **wanted))
    db.commit()
    return profile.to_dict()
