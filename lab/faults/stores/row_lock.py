"""RowLock: another client's transaction locks the rows that everybody needs, and does not end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.faults.parameters import identifier, require, rhythm
from lab.faults.stores.held import HeldFault
from lab.model import HeldSession, StoreState

ROWS_MAX = 10_000
KEY_MAX = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class RowLock(HeldFault):
    """One session locks the rows whose `key_column` is `first` to `first + rows - 1`, and stays in its transaction."""

    kind: ClassVar[str] = "row_lock"
    table: str
    key_column: str = "id"
    first: int = 1
    rows: int = 1

    def state(self) -> StoreState:
        table, key = identifier(self, "table"), identifier(self, "key_column")
        first, rows = require(self, "first", 0, KEY_MAX), require(self, "rows", 1, ROWS_MAX)
        these = f"{key} BETWEEN {first} AND {first + rows - 1}"
        lock = f"SELECT {key} FROM {table} WHERE {these} ORDER BY {key} FOR UPDATE"  # noqa: S608 - a checked name
        return StoreState(held=(HeldSession(statements=(lock,)),))

    def describe(self) -> str:
        rows = "a row" if self.rows == 1 else f"{self.rows} rows"
        return f"{rows} of the table {self.table} locked by a transaction that does not end{rhythm(self)}"
