"""Faults of stores: what the lab's own sessions do to the database, and how it ends the sessions of the service."""
