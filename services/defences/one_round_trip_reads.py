"""One round trip for a read: a read needs no transaction, and what belongs together is read in one statement.

Guards response time against distance. A session that opens a transaction for every read sends BEGIN, SELECT and
ROLLBACK: three round trips, only one of which does the work. At 100 ms each that is 300 ms for a row found by its key.
And psycopg prepares a statement the sixth time a connection runs it, which costs one more round trip to save a little
parsing.
Costs the snapshot that a transaction can give: two reads of one request may see two states of the database. A request
that must see only one has to begin a transaction at REPEATABLE READ (READ COMMITTED, the default, is no help).
Hurts alone if somebody writes in such a session: each statement then commits by itself. A write of more than one
statement needs `one_transaction.begin`.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, SessionTransactionOrigin, sessionmaker

from services.defences.switch import on


def connect_args() -> dict[str, Any]:
    """Arguments for each new psycopg connection; none when off."""
    return {"prepare_threshold": None} if on("one_round_trip_reads") else {}


def sessions(engine: sa.Engine) -> sessionmaker[Session]:
    """Makes sessions that read without a transaction and do not reload after a commit; ordinary ones when off."""
    if not on("one_round_trip_reads"):
        return sessionmaker(engine)
    alone = engine.execution_options(isolation_level="AUTOCOMMIT")
    return sessionmaker(engine, class_=ReadingSession, alone=alone, expire_on_commit=False)


class ReadingSession(Session):
    """In a transaction only after `begin()`; until then each statement runs by itself, on the engine `alone`."""

    def __init__(self, *, alone: sa.Engine, **how: Any) -> None:
        super().__init__(**how)
        self._alone = alone

    def get_bind(self, *arguments: Any, **keywords: Any) -> sa.Engine | sa.Connection:
        transaction = self.get_transaction()
        if transaction is not None and transaction.origin is SessionTransactionOrigin.BEGIN:
            return super().get_bind(*arguments, **keywords)
        return self._alone
