"""The payments company, over HTTP."""

import requests
from flask import current_app

from services.common import logs


def init_app(app):
    app.extensions["payments"] = requests.Session()


def charge(reference, amount_cents):
    """Charge the customer and return the charge, with its `id`."""
    url = current_app.config["PAYMENTS_URL"] + "/charges"
    asked = {"reference": reference, "amount_cents": amount_cents}
    answer = current_app.extensions["payments"].post(url, json=asked, headers=logs.identity())
    answer.raise_for_status()
    return answer.json()
