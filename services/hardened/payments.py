"""The payments company, over HTTP."""

from flask import current_app

from services.common import auth, logs
from services.defences import (
    bulkhead,
    circuit_breaker,
    deadline_http,
    honest_errors,
    http_failures,
    http_retry,
    saga,
)

AGREED = {"/charges": {"id": str}, "/voids": {"idempotency_key": str}}


def init_app(app):
    with app.app_context():
        # With plain requests, a server that accepts the connection and never answers would hold the thread for ever.
        http = deadline_http.session()
    http.headers["Authorization"] = f"Bearer {auth.token(app.config['TOKEN_KEY'], operator=True)}"
    app.extensions["payments"] = http


@saga.or_undone
@http_retry.retried
def charge(booking):
    """Charge the customer and return the charge, with its `id`."""
    asked = {"reference": booking["reference"], "amount_cents": booking["price_cents"]}
    # With the key, repeating the request after a lost answer makes no second charge.
    return post("/charges", asked, logs.identity() | deadline_http.headers() | saga.key(booking))


@http_retry.retried
def refund(booking):
    """Give the customer the money back."""
    # By our own key: if the answer to a charge was lost, we know neither its id nor whether it was made.
    asked = {"idempotency_key": saga.name(booking["id"])}
    return post("/voids", asked, logs.identity() | deadline_http.headers())


def post(path, asked, headers):
    """The company's answer."""
    url, http = current_app.config["PAYMENTS_URL"] + path, current_app.extensions["payments"]
    with honest_errors.call(), circuit_breaker.guard("payments"), bulkhead.slot("payments"):
        answer = http.post(url, json=asked, headers=headers, allow_redirects=False)
        # Anything else is a failure: a redirect, an HTML page, a charge without an id.
        return http_failures.document(answer, AGREED[path])
