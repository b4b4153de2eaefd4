"""Database rows as JSON objects: instants become UTC text with a Z, as in the contract."""

from datetime import datetime


def as_json(row):
    """`row`, or a dict like one, by column name."""
    return {
        name: instant(value) if isinstance(value, datetime) else value
        for name, value in getattr(row, "_mapping", row).items()
    }


def instant(value):
    return value.isoformat().replace("+00:00", "Z")
