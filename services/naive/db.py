"""The database: one session per request, opened on first use and closed when the request ends."""

from flask import current_app, g
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from services.common import metrics


def init_app(app):
    app.extensions["engine"] = engine = create_engine(app.config["DATABASE_URL"])
    metrics.instrument(engine, app)
    app.teardown_appcontext(close_session)


def session():
    """The session of this request."""
    if "session" not in g:
        g.session = Session(current_app.extensions["engine"])
    return g.session


def close_session(_):
    """Give the connection back."""
    if "session" in g:
        g.pop("session").close()
