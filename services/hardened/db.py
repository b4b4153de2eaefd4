"""The database: `connection()` where each statement commits for itself, `transaction()` for several as one."""

from contextlib import contextmanager

from flask import current_app, g
from sqlalchemy import create_engine

from services.common import metrics
from services.defences import (
    bulkhead,
    circuit_breaker,
    connection_pool,
    deadline,
    graceful_shutdown,
    server_timeouts,
    unavailable,
)


class Database:
    """The twin's PostgreSQL."""

    def __init__(self, app):
        # Connecting is several round trips and a password check: done once, not with every request.
        self.engine = create_engine(
            app.config["DATABASE_URL"],
            connect_args=server_timeouts.connect_args(),
            **connection_pool.options(),
        )
        self._autocommit = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        metrics.instrument(self.engine, app)
        connection_pool.watch(self.engine)
        deadline.watch(self.engine)
        unavailable.watch(self.engine)
        connection_pool.warm_up(self.engine)

    @contextmanager
    def connect(self):
        # First whether it is any use, then for one of few places: no thread waits for long, nor for nothing.
        with circuit_breaker.guard("database"), bulkhead.slot("database"), self._autocommit.connect() as db:
            yield db

    @contextmanager
    def begin(self):
        if "transaction" in g:  # opened by `idempotency.once`: its record and our work are one
            yield g.transaction
            return
        with circuit_breaker.guard("database"), bulkhead.slot("database"), self.engine.begin() as db:
            g.transaction = db
            try:
                yield db
            finally:
                del g.transaction


def init_app(app):
    with app.app_context():
        app.extensions["database"] = database = Database(app)
    graceful_shutdown.init_app(app, close=database.engine.dispose)


def connection():
    """A connection for a `with` block; each statement is its own transaction."""
    return current_app.extensions["database"].connect()


def transaction():
    """A connection for a `with` block, which is one transaction."""
    return current_app.extensions["database"].begin()
