"""The payments company, over HTTP."""

from flask import current_app

from services.defences import bulkhead, circuit_breaker, deadline_http, http_retry, idempotency


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
    key = idempotency.header(reference)
    with circuit_breaker.guard("payments"), bulkhead.slot("payments"):
        answer = current_app.extensions["payments"].post(url, json=asked, headers=key)
        answer.raise_for_status()
    return answer.json()
