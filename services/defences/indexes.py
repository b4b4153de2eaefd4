"""Indexes: lists find their rows through an index, not by reading the whole table.

Guards the database's CPU, which everybody shares: one list reads every booking there is, and with 200,000 of them a
few dozen lists a second are more than a core can do. PostgreSQL does not create an index for a foreign key.
Costs a little on each write, some memory, and care when building them on a live table: CREATE INDEX CONCURRENTLY.
Hurts alone when there are too many: each slows down every write, and most are never used.

The seed creates them only when this defence is on.
"""
