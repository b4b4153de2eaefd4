"""The database: `connection()` where each statement commits for itself, `transaction()` for several as one."""

from flask import current_app
from sqlalchemy import NullPool, create_engine

from services.common import metrics


class Database:
    """The twin's PostgreSQL."""

    def __init__(self, app):
        # A fresh connection each time, each statement commits for itself: as Django does unless told otherwise.
        self.engine = create_engine(app.config["DATABASE_URL"], poolclass=NullPool)
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        metrics.instrument(self.engine, app)

    def connect(self):
        return self._autocommit.connect()

    def begin(self):
        return self.engine.begin()


def init_app(app):
    app.extensions["database"] = Database(app)


def connection():
    """A connection for a `with` block; each statement is its own transaction."""
    return current_app.extensions["database"].connect()


def transaction():
    """A connection for a `with` block, which is one transaction."""
    return current_app.extensions["database"].begin()
