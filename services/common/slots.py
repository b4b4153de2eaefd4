"""The price of a slot: a room for a time."""

from datetime import timedelta

HOUR = timedelta(hours=1)


def price_cents(slot, hourly_price_cents):
    """What `slot` costs, by the second, and at least a cent: there is no charge of nothing."""
    return max(1, round((slot["ends_at"] - slot["starts_at"]) / HOUR * hourly_price_cents))
