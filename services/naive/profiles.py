"""Profiles. Every version of a profile also has its row in the audit trail."""

from flask import Blueprint, jsonify
from sqlalchemy import text

from services.common.fields import a_text, fields
from services.common.problems import not_found
from services.common.rows import as_json
from services.naive.db import connection

routes = Blueprint("profiles", __name__)

UPDATE = text(
    "UPDATE profiles SET display_name = :display_name, bio = :bio, reference = :reference, version = version + 1"
    " WHERE user_id = :user_id RETURNING user_id, display_name, bio, version, reference"
)
AUDIT = text(
    "INSERT INTO audit (user_id, display_name, bio, version, reference)"
    " VALUES (:user_id, :display_name, :bio, :version, :reference)"
)


@routes.put("/users/<int:user_id>/profile/")
def put_profile(user_id):
    wanted = fields(display_name=a_text(80), bio=a_text(1_000, shortest=0), reference=a_text(64))
    return jsonify(save(user_id, wanted))


def save(user_id, wanted):
    """The profile as it is now, after writing it and its audit row."""
    with connection() as db:
        profile = db.execute(UPDATE, {"user_id": user_id, **wanted}).first()
        if profile is None:
            raise not_found("such user")
        # The profile first: the trail must not tell of a version that never was.
        db.execute(AUDIT, as_json(profile))
        return as_json(profile)
