"""One round trip for a read: what is only read needs no transaction, and what belongs together is one statement.

Guards the answer's time against distance. A session that opens a transaction for every read sends BEGIN, SELECT and
ROLLBACK: three round trips, of which one is the work. At 100 ms each that is 300 ms for a row found by its key. And
psycopg prepares a statement when a connection runs it for the sixth time, a round trip more for a little less parsing.
Costs the snapshot: two reads of one request may see two states of the database. A request that must not has to say so
and begin a transaction, as every write does here.
Hurts alone where somebody writes in such a session: each statement then commits for itself. `one_transaction.begin` is
the only way to write.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, SessionTransactionOrigin, sessionmaker

from services.defences.switch import on


def connect_args() -> dict[str, Any]:
    """What to give psycopg for each new connection; nothing when off."""
    return {"prepare_threshold": None} if on("one_round_trip_reads") else {}


def sessions(engine: sa.Engine) -> sessionmaker[Session]:
    """Makes sessions that read without a transaction; sessions like any other when off."""
    if not on("one_round_trip_reads"):
        return sessionmaker(engine, expire_on_commit=False)
    alone = engine.execution_options(isolation_level="AUTOCOMMIT")
    return sessionmaker(engine, class_=ReadingSession, alone=alone, expire_on_commit=False)


class ReadingSession(Session):
    """In a transaction only after `begin()`; until then each statement stands for itself, on the engine `alone`."""

    def __init__(self, *, alone: sa.Engine, **how: Any) -> None:
        super().__init__(**how)
        self._alone = alone

    def get_bind(self, *arguments: Any, **keywords: Any) -> sa.Engine | sa.Connection:
        transaction = self.get_transaction()
        if transaction is not None and transaction.origin is SessionTransactionOrigin.BEGIN:
            return super().get_bind(*arguments, **keywords)
        return self._alone
