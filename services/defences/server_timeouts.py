"""Server timeouts: PostgreSQL and the kernel give up by themselves, even when the client no longer can.

Guards the database from its clients (a runaway statement, a lock that is never released, the session of a client that
vanished) and, by keepalives, the client from a peer whose packets are dropped.
Costs nothing until one of them fires. They must be ordered: deadlock_timeout (DEADLOCK_MS) < lock_timeout (LOCK_MS) <
statement_timeout (STATEMENT_MS) < the request's deadline. With lock_timeout below deadlock_timeout, both parties to a
deadlock would fail instead of one.
Hurts alone by false confidence: they bound single statements, not requests, and none of them frees a thread whose
packets are acknowledged but swallowed. That takes `deadline`.
"""

from typing import Any

from services.defences.switch import on

DEADLOCK_MS, LOCK_MS, STATEMENT_MS = 100, 800, 900
SETTINGS = {
    "statement_timeout": f"{STATEMENT_MS}ms",
    "lock_timeout": f"{LOCK_MS}ms",
    "deadlock_timeout": f"{DEADLOCK_MS}ms",  # the schema grants SET on it to the role `app`
    "idle_in_transaction_session_timeout": "2s",
    "client_connection_check_interval": "1s",
}

NETWORK = {
    "connect_timeout": 5,  # s, no less than the pool's CONNECT_S, or it would decide instead
    "tcp_user_timeout": 3000,  # ms without an ACK
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}


def connect_args() -> dict[str, Any]:
    """Arguments for each new libpq connection; none when off."""
    if not on("server_timeouts"):
        return {}
    return NETWORK | {"options": " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())}
