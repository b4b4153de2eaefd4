"""Keyset pagination: a list is served page by page, and the next page begins after a key.

Guards against lists that have grown. One customer with 20,000 bookings means megabytes of JSON, a second of CPU that
everybody else waits for, and memory for as long as that client reads. A page has a maximum size, whatever the client
asks for. It begins after a key, not at an OFFSET, which would read and discard everything before it, and skip or repeat
rows that move.
Costs clients some convenience: they must ask for each next page, and cannot jump to any other.
Hurts alone without `indexes`: each page then searches the whole table.
"""
