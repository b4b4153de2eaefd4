"""Keyset pagination: a list is answered page by page, and the next page begins after a key.

Guards against lists that have grown. One customer with 20,000 bookings means megabytes of JSON, a second of CPU that
everybody else waits for, and memory for as long as that client reads. A page has a maximum size, whatever the client
asks for. It begins after a key, not at an OFFSET, which would read and discard everything before it, and skip or repeat
rows that move.
Costs clients that must ask for the next page, and cannot jump to a page.
Hurts alone without `indexes`: each page then searches the whole table.
"""
