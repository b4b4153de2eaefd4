"""The studio-booking service as a WSGI application."""

from flask import Flask

from services.common import auth, logs, metrics, problems
from services.naive import (
    bookings,
    db,
    health,
    holds,
    payments,
    profiles,
    reports,
    rooms,
    settings,
    transfers,
    users,
)


def create_app():
    """The app with all its routes."""
    app = Flask(__name__)
    app.config.from_mapping(settings.load())
    logs.init_app(app)
    metrics.init_app(app)
    problems.init_app(app)
    auth.init_app(app)
    db.init_app(app)
    payments.init_app(app)
    holds.init_app(app)
    for resource in (bookings, users, profiles, transfers, rooms, holds, reports, health):
        app.register_blueprint(resource.routes)
    return app
