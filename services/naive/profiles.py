"""Profiles. Every version of a profile also has its row in the audit trail."""

from flask import Blueprint, jsonify

from services.common.fields import a_text, fields
from services.common.models import Audit, Profile
from services.common.problems import not_found
from services.naive.db import session

routes = Blueprint("profiles", __name__)


@routes.put("/users/<int:user_id>/profile/")
def put_profile(user_id):
    wanted = fields(display_name=a_text(80), bio=a_text(1_000, shortest=0), reference=a_text(64))
    return jsonify(save(user_id, wanted))


def save(user_id, wanted):
    """The profile as it is now, after writing it and its audit row."""
    db = session()
    profile = db.get(Profile, user_id)
    if profile is None:
        raise not_found("such user")
    profile.display_name, profile.bio = wanted["display_name"], wanted["bio"]
    profile.reference = wanted["reference"]
    profile.version += 1
    db.commit()
    # The profile first: the trail must not tell of a version that never was.
    db.add(Audit(user_id=user_id, version=profile.version, **wanted))
    db.commit()
    return profile.to_dict()
