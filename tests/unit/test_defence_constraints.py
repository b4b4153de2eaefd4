import pytest
import sqlalchemy as sa
from psycopg import errors

from services.common import problems
from services.defences import constraints, honest_errors
from tests.defended import defended


@pytest.mark.parametrize(
    ("refusal", "status", "reason"),
    [(errors.ExclusionViolation, 409, "room_taken"), (errors.UniqueViolation, 500, "IntegrityError")],
)
def test_a_lost_race_for_a_room_has_the_reason_of_a_room_that_is_taken(refusal, status, reason):
    app = defended()
    problems.init_app(app, honest_errors.members)
    constraints.init_app(app)

    @app.post("/")
    def lose():
        raise sa.exc.IntegrityError("INSERT", {}, refusal())

    answer = app.test_client().post("/")
    assert (answer.status_code, answer.json["reason"]) == (status, reason)
