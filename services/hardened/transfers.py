"""Transfers from wallet to wallet, each with its two entries in the ledger."""

from flask import Blueprint, jsonify
from sqlalchemy import select

from services.common.models import Entry, Transfer, Wallet
from services.common.problems import conflict, unprocessable
from services.defences import idempotency, one_transaction, owner_checks, transaction_retry
from services.defences.switch import switchable
from services.hardened import inputs
from services.hardened.db import session

routes = Blueprint("transfers", __name__)


@routes.post("/transfers/")
def create_transfer():
    return jsonify(move(inputs.transfer())), 201


@transaction_retry.retried
@idempotency.once
def move(wanted):
    """Make the transfer and return it."""
    with one_transaction.begin(session()) as db:
        giver, taker = lock_wallets(db, wanted["from_wallet_id"], wanted["to_wallet_id"])
        if giver is None or taker is None:
            raise unprocessable("there is no such wallet", "unknown_wallet")
        owner_checks.require(giver.user_id)
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
        db.flush()
        return transfer.to_dict()


@switchable
def lock_wallets(db, giver_id, taker_id):
    """Both wallets, None for one that does not exist; locked until the transaction ends."""
    # The lower id first, whoever pays: if everybody locks in the same order, no cycle of waits can form.
    both = select(Wallet).where(Wallet.id.in_((giver_id, taker_id))).order_by(Wallet.id).with_for_update()
    found = {wallet.id: wallet for wallet in db.scalars(both)}
    return found.get(giver_id), found.get(taker_id)
