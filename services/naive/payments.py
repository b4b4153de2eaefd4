"""The payments company, over HTTP."""

import requests
from flask import current_app

from services.common import auth, logs


def init_app(app):
    http = requests.Session()
    http.headers["Authorization"] = f"Bearer {auth.token(app.config['TOKEN_KEY'], operator=True)}"
    app.extensions["payments"] = http


def charge(booking):
    """Charge the customer and return the charge, with its `id`."""
    asked = {"reference": booking["reference"], "amount_cents": booking["price_cents"]}
    return post("/charges", asked, logs.identity())


def refund(booking):
    """Give the customer the money back."""
    asked = {"amount_cents": booking["price_cents"]}
    return post(f"/charges/{booking['charge_id']}/refunds", asked, logs.identity())


def post(path, asked, headers):
    """The company's answer."""
    url = current_app.config["PAYMENTS_URL"] + path
    answer = current_app.extensions["payments"].post(url, json=asked, headers=headers)
    answer.raise_for_status()
    return answer.json()
