"""Everything as processes on loopback."""
