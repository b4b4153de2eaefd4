"""The tables as SQLAlchemy models: one set for both twins, so that a function of one works in the other.

What the database enforces beyond columns and keys is in services/schema, since only one twin uses it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, FetchedValue, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """Each model shows its `fields` as JSON, with instants as UTC text ending in Z."""

    # As in SQLAlchemy's own examples.
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012
    fields: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {name: _plain(getattr(self, name)) for name in self.fields}


class User(Base):
    __tablename__ = "users"
    fields = ("id", "name", "email")

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    bookings: Mapped[list["Booking"]] = relationship(order_by="Booking.id")


class Room(Base):
    __tablename__ = "rooms"
    fields = ("id", "name", "hourly_price_cents")

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    hourly_price_cents: Mapped[int]


class Booking(Base):
    __tablename__ = "bookings"
    fields = (
        "id",
        "user_id",
        "room_id",
        "starts_at",
        "ends_at",
        "status",
        "price_cents",
        "reference",
        "charge_id",
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    status: Mapped[str]
    price_cents: Mapped[int]
    reference: Mapped[str | None]
    charge_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())


class Profile(Base):
    __tablename__ = "profiles"
    fields = ("user_id", "display_name", "bio", "version", "reference")

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    display_name: Mapped[str]
    bio: Mapped[str]
    version: Mapped[int]
    reference: Mapped[str | None]


class Audit(Base):
    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    version: Mapped[int]
    display_name: Mapped[str]
    bio: Mapped[str]
    reference: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())


class Wallet(Base):
    __tablename__ = "wallets"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    balance_cents: Mapped[int]


class Transfer(Base):
    __tablename__ = "transfers"
    fields = ("id", "from_wallet_id", "to_wallet_id", "amount_cents", "reference")

    id: Mapped[int] = mapped_column(primary_key=True)
    from_wallet_id: Mapped[int] = mapped_column(ForeignKey("wallets.id"))
    to_wallet_id: Mapped[int] = mapped_column(ForeignKey("wallets.id"))
    amount_cents: Mapped[int]
    reference: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    entries: Mapped[list["Entry"]] = relationship()


class Entry(Base):
    """One side of a transfer in the ledger; its two sides add up to zero."""

    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(primary_key=True)
    transfer_id: Mapped[int] = mapped_column(ForeignKey("transfers.id"))
    wallet_id: Mapped[int] = mapped_column(ForeignKey("wallets.id"))
    delta_cents: Mapped[int]


class Hold(Base):
    __tablename__ = "holds"
    fields = ("id", "user_id", "room_id", "starts_at", "ends_at", "reference")

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]
    room_id: Mapped[int]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reference: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())


def instant(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    return instant(value) if isinstance(value, datetime) else value
