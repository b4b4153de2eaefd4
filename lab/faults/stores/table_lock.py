"""TableLock: a migration waits for a table behind an open read, and everybody who comes later waits behind it.

Locks are granted in the order in which they were requested. The read blocks nobody; the migration, which holds nothing
yet, blocks everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import identifier, rhythm
from lab.faults.stores.held import HeldFault
from lab.model import HeldSession, StoreState


@dataclass(frozen=True, kw_only=True)
class TableLock(HeldFault):
    """Two sessions: one has read `table` and stays in its transaction, the other queues for ACCESS EXCLUSIVE."""

    kind: ClassVar[str] = "table_lock"
    must_wait: ClassVar[bool] = True
    table: str

    def state(self) -> StoreState:
        table = identifier(self, "table")
        read = f"SELECT EXISTS (SELECT FROM {table})"  # noqa: S608 - a checked name
        migration = f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"
        return StoreState(held=(HeldSession(statements=(read,)), HeldSession(statements=(migration,))))

    def describe(self) -> str:
        return f"a migration of the table {self.table} that waits behind an open read{rhythm(self)}"
