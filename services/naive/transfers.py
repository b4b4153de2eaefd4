"""Transfers from wallet to wallet, each with its two entries in the ledger."""

from flask import Blueprint, jsonify

from services.common.models import Entry, Transfer, Wallet
from services.common.problems import conflict, unprocessable
from services.naive import inputs
from services.naive.db import session

routes = Blueprint("transfers", __name__)


@routes.post("/transfers/")
def create_transfer():
    return jsonify(move(inputs.transfer())), 201


def move(wanted):
    """Make the transfer and return it."""
    db = session()
    giver, taker = lock_wallets(db, wanted["from_wallet_id"], wanted["to_wallet_id"])
    if giver is None or taker is None:
        raise unprocessable("there is no such wallet", "unknown_wallet")
    amount_cents = wanted["amount_cents"]
    if giver.balance_cents < amount_cents:
        raise conflict("insufficient funds", "insufficient_funds")
    giver.balance_cents -= amount_cents
    taker.balance_cents += amount_cents
    transfer = Transfer(**wanted)
    transfer.entries = [
        Entry(wallet_id=giver.id, delta_cents=-amount_cents),
        Entry(wallet_id=taker.id, delta_cents=amount_cents),
    ]
    db.add(transfer)
    db.commit()
    return transfer.to_dict()


def lock_wallets(db, giver_id, taker_id):
    """Both wallets, None for one that does not exist; locked until the transaction ends."""
    # Locked before the balance is read, so that nobody spends it twice.
    giver = db.get(Wallet, giver_id, with_for_update=True)
    taker = db.get(Wallet, taker_id, with_for_update=True)
    return giver, taker
