"""Something runs out: connections, memory, threads."""
