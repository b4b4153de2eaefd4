"""The database: one session per request, opened when the request starts and closed when it ends."""

from contextlib import suppress

from flask import current_app, g
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from services.common import metrics
from services.defences import (
    checkout,
    connection_pool,
    deadline,
    graceful_shutdown,
    honest_errors,
    one_round_trip_reads,
    server_timeouts,
    transaction_retry,
)


def init_app(app):
    with app.app_context():
        app.extensions["engine"] = engine = create_engine(
            app.config["DATABASE_URL"],
            connect_args=server_timeouts.connect_args() | one_round_trip_reads.connect_args(),
            **connection_pool.options(),
        )
        metrics.instrument(engine, app)
        for part in (deadline, honest_errors, connection_pool, checkout):
            part.watch(engine)
        app.extensions["sessions"] = one_round_trip_reads.sessions(engine)
        transaction_retry.watch(app.extensions["sessions"])
        connection_pool.warm_up(engine)
    app.extensions["session"] = session
    app.teardown_appcontext(close_session)
    graceful_shutdown.init_app(app, close=engine.dispose)

    @app.before_request
    def open_session():
        """A naive function that replaces a defence finds this session in `g`, so the other defences still apply."""
        session()


def session():
    """The session of this request."""
    if "session" not in g:
        g.session = current_app.extensions["sessions"]()
    return g.session


def close_session(_):
    """Give the connection back."""
    if "session" in g:
        with suppress(DBAPIError):  # the answer is ready, whatever becomes of the connection
            g.pop("session").close()
