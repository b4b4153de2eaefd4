"""What changes a store itself, past every proxy. The same for both runtimes: all it needs is an address."""

SESSIONS = "sessions"  # the way to undo what is held in a database
