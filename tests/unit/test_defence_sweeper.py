import pytest
import sqlalchemy as sa

from services.defences import sweeper
from tests.defended import defended


@pytest.fixture
def swept(tmp_path):
    """Makes the sweeper of an app whose database is a file."""
    made = []

    def sweep(*jobs):
        app = defended("none,+saga,+idempotency", DATABASE_URL=f"sqlite:///{tmp_path / 'database'}")
        sweeper.init_app(app, dict(zip(("saga", "idempotency"), jobs, strict=True)))
        made.append(app.extensions["sweeper"])
        return made[-1]

    yield sweep
    for each in made:
        each.close()


def failing(_):
    raise ConnectionError("payments are away")


def test_a_turn_does_every_job_on_a_connection(swept):
    assert swept(lambda connection: connection.exec_driver_sql("SELECT 2").scalar(), lambda _: 3).turn() == 5


def test_a_job_that_fails_keeps_none_from_being_done_and_is_told(swept):
    done = []
    with pytest.raises(ConnectionError, match="payments are away"):
        swept(failing, lambda _: done.append("pruned") or 1).turn()
    assert done == ["pruned"]


def test_after_an_error_of_the_database_the_next_turn_has_another_connection(swept):
    """A server that was demoted answers everything with an error, and the connection to it stays open."""
    seen = []

    def note(connection):
        seen.append(connection.connection.dbapi_connection)
        connection.exec_driver_sql("SELECT FROM nothing")

    sweeper = swept(note, lambda _: 0)
    for _ in range(2):
        with pytest.raises(sa.exc.DBAPIError):
            sweeper.turn()
    assert seen[0] is not seen[1]


@pytest.mark.parametrize(
    ("defences", "count"),
    [("all", 2), ("all,-saga", 1), ("all,-idempotency", 1), ("all,-saga,-idempotency", 0)],
)
def test_what_is_off_is_not_swept_and_nobody_starts_a_sweeper_for_nothing(defences, count):
    app, done = defended(defences, DATABASE_URL="postgresql+psycopg://"), []
    sweeper.init_app(app, {"saga": done.append, "idempotency": done.append})
    assert (len(app.extensions["sweeper"]._jobs), len(app.extensions["background"])) == (count, min(count, 1))
