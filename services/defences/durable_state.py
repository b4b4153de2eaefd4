"""Durable state: what a client was promised is kept in the database, not in a dict of one worker.

Guards against forgetting. A dict dies with its worker, and is invisible to the other workers from the start: with two
of them, half of all holds are "not found" on a day when nothing is wrong.
Costs a round trip for each write and read, a table, and rows that someone must clean up.
Hurts alone by making the database part of a feature that had none: when it is away, so are the holds.
Awaits S20: a worker is replaced, and what it had promised must not be forgotten.
"""
