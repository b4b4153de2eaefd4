"""Durable state: what a client was promised is kept in the database, not in one worker's dict.

Guards against forgetting. A dict dies with its worker, and the other workers never see it: with two workers, half of
all reads go to the wrong one even when nothing is broken, and get a 404 or somebody else's hold.
Costs a round trip for each write and read, a table, and rows that someone must clean up.
Hurts alone by making the feature depend on the database: when that is down, so are the holds.
"""
