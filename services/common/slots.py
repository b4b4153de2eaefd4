"""The price of a slot: a room for a period."""

from datetime import timedelta

HOUR = timedelta(hours=1)


def price_cents(slot, hourly_price_cents):
    """What `slot` costs, by the second, but at least one cent: a charge cannot be zero."""
    return max(1, round((slot["ends_at"] - slot["starts_at"]) / HOUR * hourly_price_cents))
