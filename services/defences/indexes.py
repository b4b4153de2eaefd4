"""Indexes: what the lists ask for is found by an index, not by reading the table.

Guards the database's CPU, which is everybody's: with 500,000 bookings one list reads them all, and thirty a second are
more than a core can do. A foreign key does not come with an index in PostgreSQL.
Costs a little with each write, some memory, and the care to build them on a live table by CREATE INDEX CONCURRENTLY.
Hurts alone when there are too many: each slows every write, and most are never used.
Awaits S03: 500,000 rows, and lists that need an index.

The seed makes them only when this defence is on.
"""
