"""Batched reads: a page is read in a fixed number of statements, however many rows it has.

Guards against N+1: one statement for the list, and one more for each of its rows. On a developer's machine a round trip
costs 0.1 ms and nobody notices; at 50 ms a page of twenty takes a second.
Costs queries that are a little harder to read, and code that puts the rows back under their parents.
Hurts alone when the page has no limit: one statement can then ask for everything at once.
"""
