-- What the database enforces for the hardened twin. The loader leaves out the section of a defence that is off.

-- defence: constraints
-- No two live bookings of a room overlap. The one-element range replaces `room_id WITH =`, which needs btree_gist. The
-- period comes first because it tells more rows apart than the room does: the index is built in half the time.
ALTER TABLE bookings ADD CONSTRAINT bookings_no_overlap EXCLUDE USING gist (
    tstzrange(starts_at, ends_at) WITH &&,
    int4range(room_id, room_id, '[]') WITH &&
) WHERE (status <> 'cancelled');
ALTER TABLE bookings ADD CONSTRAINT bookings_period CHECK (starts_at < ends_at);
ALTER TABLE bookings ADD CONSTRAINT bookings_status CHECK (status IN ('pending', 'confirmed', 'cancelled'));
ALTER TABLE wallets ADD CONSTRAINT wallets_balance CHECK (balance_cents >= 0);
ALTER TABLE transfers ADD CONSTRAINT transfers_amount CHECK (amount_cents > 0 AND from_wallet_id <> to_wallet_id);
CREATE UNIQUE INDEX audit_version ON audit (user_id, version);

-- defence: idempotency
-- One row per Idempotency-Key, written in the same transaction as the effect: the answer to repeat.
CREATE TABLE idempotency (
    caller      text NOT NULL,
    route       text NOT NULL,
    key         text NOT NULL,
    fingerprint text NOT NULL,
    body        text,  -- the answer, as JSON
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, route, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- defence: saga
-- What must be paid back, written in the transaction that makes it due. The sweeper makes the refund and deletes the row.
CREATE TABLE refunds_due (
    booking_id integer PRIMARY KEY REFERENCES bookings,
    since      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX bookings_pending ON bookings (created_at) WHERE status = 'pending';

-- defence: server_timeouts
-- PostgreSQL looks for a deadlock after deadlock_timeout, which only a superuser may set unless it is granted.
GRANT SET ON PARAMETER deadlock_timeout TO app;

-- defence: indexes
-- For the lists: the bookings of one user from some key on, and those of one room up to some time.
CREATE INDEX bookings_user ON bookings (user_id, id);
CREATE INDEX bookings_room ON bookings (room_id, starts_at);
