"""The studio-booking service as a WSGI application."""

from functools import partial

from flask import Flask

from services.common import auth, logs, metrics, problems
from services.defences import (
    constraints,
    deadline,
    honest_errors,
    idempotency,
    input_validation,
    saga,
    sweeper,
    switch,
)
from services.hardened import (
    bookings,
    db,
    health,
    holds,
    inputs,
    payments,
    profiles,
    reports,
    rooms,
    settings,
    transfers,
    users,
)
from services.naive import bookings as naive_bookings
from services.naive import health as naive_health
from services.naive import holds as naive_holds
from services.naive import inputs as naive_inputs
from services.naive import profiles as naive_profiles
from services.naive import reports as naive_reports
from services.naive import rooms as naive_rooms
from services.naive import transfers as naive_transfers
from services.naive import users as naive_users

# What is called instead when a defence is off: the naive twin's function of the same name.
WITHOUT: switch.Table = {
    "batched_reads": {users.users_with_bookings: naive_users.users_with_bookings},
    "connection_pool": {reports.utilisation: naive_reports.utilisation},
    "constraints": {bookings.ensure_free: naive_bookings.ensure_free},
    "durable_state": {holds.remember: naive_holds.remember, holds.recall: naive_holds.recall},
    "input_validation": {
        inputs.slot: naive_inputs.slot,
        inputs.transfer: naive_inputs.transfer,
        inputs.profile: naive_inputs.profile,
        inputs.page: naive_inputs.page,
        inputs.search: naive_inputs.search,
        inputs.day: naive_inputs.day,
    },
    "keyset_pagination": {users.bookings_of: naive_users.bookings_of},
    "lock_order": {transfers.lock_wallets: naive_transfers.lock_wallets},
    "one_round_trip_reads": {rooms.taken: naive_rooms.taken},
    "one_transaction": {profiles.save: naive_profiles.save},
    "readiness": {health.obstacle: naive_health.obstacle},
    "saga": {
        bookings.reserve: naive_bookings.reserve,
        bookings.confirm: naive_bookings.confirm,
        bookings.cancel: naive_bookings.cancel,
    },
}


def create_app():
    """The app with all its routes."""
    app = Flask(__name__)
    app.config.from_mapping(settings.load())
    logs.init_app(app)
    metrics.init_app(app)
    problems.init_app(app, honest_errors.members)
    switch.init_app(app, WITHOUT)
    deadline.init_app(app)  # a request's budget starts before anything can wait
    constraints.init_app(app)
    honest_errors.init_app(app)  # 503 instead of 500, and it says whether anything may have been done
    input_validation.init_app(app)
    auth.init_app(app)  # once the body is read: after a 401 the server would still wait for the rest of it
    db.init_app(app)
    payments.init_app(app)
    sweeper.init_app(
        app, {"saga": partial(saga.sweep, refund=payments.refund), "idempotency": idempotency.prune}
    )
    holds.init_app(app)
    for resource in (bookings, users, profiles, transfers, rooms, holds, reports, health):
        app.register_blueprint(resource.routes)
    return app
