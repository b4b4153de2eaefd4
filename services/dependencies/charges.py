"""What the payments company stores in SQLite: charges, refunds, and the keys under which they were requested."""

import json
import sqlite3
import threading
from contextlib import contextmanager

from services.common.problems import conflict, not_found, unprocessable

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS charges (
    number INTEGER PRIMARY KEY, key TEXT UNIQUE, reference TEXT NOT NULL, amount_cents INTEGER NOT NULL,
    request_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS refunds (
    number INTEGER PRIMARY KEY, charge INTEGER NOT NULL REFERENCES charges, amount_cents INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, asked TEXT NOT NULL, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS voids (key TEXT PRIMARY KEY);
"""
CHARGES = """
SELECT 'ch_' || number AS id, reference, amount_cents, key AS idempotency_key, request_id,
       coalesce((SELECT sum(amount_cents) FROM refunds WHERE charge = charges.number), 0) AS refunded_cents
FROM charges
"""


class Charges:
    """The books. Every method is one transaction; threads take turns."""

    def __init__(self, path):
        # Without fsync, what SQLite has written still survives the death of this process, if not a power cut.
        self._books = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._books.row_factory = sqlite3.Row
        self._books.executescript(SCHEMA)
        self._lock = threading.Lock()

    def charge(self, key, request_id, *, reference, amount_cents):
        """The new charge, or the earlier one if this key has already made it."""
        with self._transaction() as books:
            if books.execute("SELECT 1 FROM voids WHERE key = ?", [key]).fetchone():
                raise conflict("this key was voided")
            asked = ["charge", reference, amount_cents]
            return self._once(key, asked, lambda: self._charge(key, request_id, reference, amount_cents))

    def refund(self, key, charge_id, *, amount_cents):
        """A refund of all or part of a charge."""
        with self._transaction():
            return self._once(
                key, ["refund", charge_id, amount_cents], lambda: self._refund(charge_id, amount_cents)
            )

    def void(self, *, idempotency_key):
        """Refund in full the charge under the key, if there is one; from now on the key can make no charge."""
        with self._transaction() as books:
            books.execute("INSERT OR IGNORE INTO voids VALUES (?)", [idempotency_key])
            charge = books.execute(f"{CHARGES} WHERE key = ?", [idempotency_key]).fetchone()
            if charge and charge["amount_cents"] > charge["refunded_cents"]:
                self._refund(charge["id"], charge["amount_cents"] - charge["refunded_cents"])
            return {"idempotency_key": idempotency_key, "charge_id": charge and charge["id"]}

    def all(self):
        with self._transaction() as books:
            return [dict(row) for row in books.execute(f"{CHARGES} ORDER BY number")]

    @contextmanager
    def _transaction(self):
        with self._lock:
            self._books.execute("BEGIN IMMEDIATE")
            try:
                yield self._books
            except BaseException:
                self._books.execute("ROLLBACK")
                raise
            self._books.execute("COMMIT")

    def _once(self, key, asked, do):
        """The answer of `do`, or the earlier one if `asked` came under `key` before. Without a key, always do it."""
        stored = self._books.execute("SELECT asked, answer FROM answers WHERE key = ?", [key]).fetchone()
        if stored is None:
            answer = do()
            if key:
                row = [key, json.dumps(asked), json.dumps(answer)]
                self._books.execute("INSERT INTO answers VALUES (?, ?, ?)", row)
            return answer
        if json.loads(stored["asked"]) != asked:
            raise unprocessable("this key was used for another request")
        return json.loads(stored["answer"])

    def _charge(self, key, request_id, reference, amount_cents):
        if amount_cents < 1:
            raise unprocessable("amount_cents: at least 1")
        made = self._books.execute(
            "INSERT INTO charges (key, reference, amount_cents, request_id) VALUES (?, ?, ?, ?)",
            [key or None, reference, amount_cents, request_id],
        )
        return {"id": f"ch_{made.lastrowid}", "reference": reference, "amount_cents": amount_cents}

    def _refund(self, charge_id, amount_cents):
        number = charge_id.removeprefix("ch_")
        charge = self._books.execute(f"{CHARGES} WHERE number = ?", [number]).fetchone()
        if charge is None:
            raise not_found("such charge")
        if not 1 <= amount_cents <= charge["amount_cents"] - charge["refunded_cents"]:
            raise conflict("there is less left to refund")
        made = self._books.execute(
            "INSERT INTO refunds (charge, amount_cents) VALUES (?, ?)", [number, amount_cents]
        )
        return {"id": f"re_{made.lastrowid}", "charge_id": charge_id, "amount_cents": amount_cents}
