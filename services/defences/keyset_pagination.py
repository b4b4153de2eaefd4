"""Keyset pagination: a list is answered page by page, and the next page begins after a key.

Guards against the list that has grown. One customer with 20,000 bookings makes megabytes of JSON, a second of CPU that
all others wait for, and memory for as long as that client reads. A page has a maximum, whatever is asked for. It begins
after a key and not at an OFFSET, which would read and throw away all that is before it, and skip or repeat what moves.
Costs a client that asks again, and pages that cannot be jumped to.
Hurts alone without `indexes`: each page then searches the whole table.
Awaits S04: one customer with 20,000 bookings.
"""
