"""Transfers from wallet to wallet, each with its two entries in the ledger."""

from flask import Blueprint, jsonify
from sqlalchemy import text

from services.common.fields import a_text, an_id, cents, fields
from services.common.problems import conflict, not_found, unprocessable
from services.common.rows import as_json
from services.naive.db import transaction

routes = Blueprint("transfers", __name__)

LOCK = text("SELECT id, balance_cents FROM wallets WHERE id = :id FOR UPDATE")
MOVE = text("UPDATE wallets SET balance_cents = balance_cents + :delta_cents WHERE id = :wallet_id")
INSERT = text(
    "INSERT INTO transfers (from_wallet_id, to_wallet_id, amount_cents, reference)"
    " VALUES (:from_wallet_id, :to_wallet_id, :amount_cents, :reference)"
    " RETURNING id, from_wallet_id, to_wallet_id, amount_cents, reference"
)
ENTRY = text(
    "INSERT INTO ledger (transfer_id, wallet_id, delta_cents) VALUES (:transfer_id, :wallet_id, :delta_cents)"
)


@routes.post("/transfers/")
def create_transfer():
    wanted = fields(from_wallet_id=an_id, to_wallet_id=an_id, amount_cents=cents, reference=a_text(64))
    if wanted["from_wallet_id"] == wanted["to_wallet_id"]:
        raise unprocessable("to_wallet_id: must be another wallet")
    return jsonify(move(wanted)), 201


def move(wanted):
    """The transfer, once made."""
    giver, taker, amount_cents = wanted["from_wallet_id"], wanted["to_wallet_id"], wanted["amount_cents"]
    with transaction() as db:
        balances = lock_wallets(db, giver, taker)
        if len(balances) < 2:
            raise not_found("such wallet")
        if balances[giver] < amount_cents:
            raise conflict("insufficient funds")
        transfer = as_json(db.execute(INSERT, wanted).one())
        entries = [
            {"transfer_id": transfer["id"], "wallet_id": giver, "delta_cents": -amount_cents},
            {"transfer_id": transfer["id"], "wallet_id": taker, "delta_cents": amount_cents},
        ]
        db.execute(MOVE, entries)
        db.execute(ENTRY, entries)
    return transfer


def lock_wallets(db, giver, taker):
    """The balances of both wallets by id, locked until the transaction ends."""
    # Locked before the balance is read, so nobody spends it twice.
    found = [db.execute(LOCK, {"id": wallet_id}).first() for wallet_id in (giver, taker)]
    return {wallet.id: wallet.balance_cents for wallet in found if wallet}
