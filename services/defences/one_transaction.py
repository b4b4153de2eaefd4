"""One transaction: writes that belong together become visible together, or not at all.

Guards against the partial write. Two commits leave a gap between them: if the connection dies in it, the profile
says one thing and its audit trail another, and nobody is told.
Costs locks that are held until the last statement. On its own it saves round trips: there is one COMMIT instead of two,
and the row is read back before it, not afterwards in a transaction of its own. With `one_round_trip_reads` it adds
some, because otherwise each statement would commit by itself.
Hurts alone when the transaction spans something slow: the locks are held all that time. Keep remote calls outside.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session


@contextmanager
def begin(session: Session) -> Iterator[Session]:
    """One transaction for the block, or part of one that is already open (by `idempotency.once`)."""
    if under_way(session):
        yield session
        return
    session.rollback()  # what was read before is not part of it
    session.info["in_block"] = True
    try:
        with session.begin():
            yield session
    finally:
        session.info["in_block"] = False


def under_way(session: Session) -> bool:
    """Whether `session` is in a transaction that `begin` has opened."""
    return session.info.get("in_block", False)
