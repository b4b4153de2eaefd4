"""What changes a store directly, past every proxy. The same for both runtimes: it needs only an address."""

SESSIONS = "sessions"  # the way to undo what is held in a database
