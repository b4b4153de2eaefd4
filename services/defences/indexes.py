"""Indexes: lists find their rows by an index, not by reading the whole table.

Guards the database's CPU, which everybody shares: with 500,000 bookings one list reads them all, and thirty lists a
second are more than a core can do. PostgreSQL does not create an index for a foreign key.
Costs a little with each write, some memory, and the care to build them on a live table with CREATE INDEX CONCURRENTLY.
Hurts alone when there are too many: each slows down every write, and most are never used.

The seed creates them only when this defence is on.
"""
