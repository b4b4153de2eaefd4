"""The payments company, over HTTP."""

from flask import current_app

from services.common import logs
from services.defences import (
    bulkhead,
    circuit_breaker,
    deadline_http,
    honest_errors,
    http_failures,
    http_retry,
    idempotency,
)


def init_app(app):
    with app.app_context():
        # With plain requests, a server that accepts and says nothing keeps the thread for good.
        app.extensions["payments"] = deadline_http.session()


@http_retry.retried
def charge(reference, amount_cents):
    """Charge the customer and return the charge, with its `id`."""
    url = current_app.config["PAYMENTS_URL"] + "/charges"
    asked = {"reference": reference, "amount_cents": amount_cents}
    # Under the key, asking again after a lost answer is no second charge.
    headers = logs.identity() | deadline_http.headers() | idempotency.header(reference)
    with honest_errors.call(), circuit_breaker.guard("payments"), bulkhead.slot("payments"):
        answer = current_app.extensions["payments"].post(
            url, json=asked, headers=headers, allow_redirects=False
        )
        # What is no charge is a failure, whatever it is: a redirect, a page of HTML, an object without an id.
        return http_failures.document(answer, id=str)
