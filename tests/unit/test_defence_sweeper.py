import pytest

from services.defences import sweeper
from tests.defended import defended


@pytest.fixture
def swept(tmp_path):
    """Makes the sweeper of an app whose database is a file."""
    made = []

    def sweep(*jobs):
        app = defended("none", DATABASE_URL=f"sqlite:///{tmp_path / 'database'}")
        sweeper.init_app(app, jobs)
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
